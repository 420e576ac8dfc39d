"""What a knob is: a field of a frozen Struct with title, help, range and default. Forms, --set and --help are built from that."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta


def knob(title: str, help: str, **limits: Any) -> Meta:
    """A field's label and help; `when=("loss.name", ("mse",))` shows it only while another knob has one of these values."""
    when = limits.pop("when", None)
    return Meta(title=title, description=help, extra={"when": when} if when else None, **limits)


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The parent of every config: frozen, and an unknown field is an error, not a silent default."""


KnobKind = Literal["bool", "int", "float", "choice"]
_KINDS: dict[type, KnobKind] = {bool: "bool", int: "int", float: "float"}


class Knob(msgspec.Struct, frozen=True):
    """One knob, described for a form or a help text. `path` is what --set takes, e.g. "optimizer.learning_rate"."""

    path: str
    title: str
    help: str
    kind: KnobKind
    default: Any
    choices: tuple[Any, ...] = ()
    low: float | None = None  # smallest value allowed (for gt: not itself allowed)
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    when: tuple[str, tuple[Any, ...]] | None = None  # shown only while that knob has one of these values

    @property
    def group(self) -> str:
        """The Struct it stands in: "network", "loss" ... or "" for the run's own knobs."""
        return self.path.rpartition(".")[0]


def list_knobs(config: Config, prefix: str = "") -> list[Knob]:
    """The knobs of a config (nested ones too) in the order they are declared; `default` is the config's present value."""
    hints = get_type_hints(type(config), include_extras=True)
    knobs: list[Knob] = []
    for field in msgspec.structs.fields(config):
        value, path = getattr(config, field.name), f"{prefix}{field.name}"
        if isinstance(value, Config):
            knobs += list_knobs(value, f"{path}.")
            continue
        plain, meta = get_args(hints[field.name])[:2]
        choices = get_args(plain) if get_origin(plain) is Literal else ()
        kind = _KINDS[plain] if not choices else "choice"
        knobs.append(
            Knob(
                path=path, title=meta.title, help=meta.description, kind=kind, default=value, choices=choices,
                low=meta.ge if meta.gt is None else meta.gt, high=meta.le if meta.lt is None else meta.lt,
                low_open=meta.gt is not None, high_open=meta.lt is not None,
                when=(meta.extra or {}).get("when"),
            )
        )  # fmt: skip
    return knobs


def to_dict(config: Config) -> dict[str, Any]:
    """A config as plain nested dicts, the form `parse` reads."""
    plain = msgspec.to_builtins(config)
    assert isinstance(plain, dict)
    return plain
