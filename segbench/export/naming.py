"""File names from a pattern: checked, made safe for every file system, and never two samples in one file. No disk access."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from segbench.errors import SegbenchError

FIELDS = ("stem", "index", "split", "class")
_IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pnm")
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')  # Windows refuses these; they are no good anywhere
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{k}" for k in range(1, 10)), *(f"lpt{k}" for k in range(1, 10))}
_LONGEST = 100  # bytes of one sample's or class's name; file systems stop at 255 for the whole


@dataclass(frozen=True, slots=True)
class Named:
    """What a sample is called by: its index over all splits, its name and its split."""

    index: int
    name: str
    split: str


def check_pattern(pattern: str, fields: Sequence[str] = FIELDS) -> None:
    """Raises SegbenchError for an unknown field, a broken brace, an absolute path or one that leaves the folder."""
    try:
        parsed = [(field, spec or "") for _, field, spec, _ in string.Formatter().parse(pattern) if field is not None]
        used = [field for field, _ in parsed]
        for _, spec in parsed:
            if "{" in spec or any(int(width) > _LONGEST for width in re.findall(r"\d+", spec)):
                raise ValueError(f"{spec} asks for a longer name than a file may have")
        pattern.format(**dict.fromkeys(FIELDS, "x") | {"index": 0})
        broken = ""
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        used, broken = _find_fields(pattern), str(error)
    unknown = [field for field in used if field not in fields]
    if unknown or broken:
        what = f"has an unknown field {{{unknown[0]}}}" if unknown else f"cannot be used: {broken}"
        known = ", ".join(f"{{{field}}}" for field in fields)
        raise SegbenchError(f"The name pattern {pattern!r} {what}.", f"Use the fields {known}.")
    parts = PurePosixPath(pattern.replace("\\", "/"))
    if not pattern.strip() or parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0].partition("{")[0]:
        raise SegbenchError(
            f"The name pattern {pattern!r} does not name a file inside the output folder.",
            "Write a name such as {stem} or {class}/{stem}, without the ending.",
        )


def plan_names(
    pattern: str, samples: Sequence[Named], classes: Sequence[str] | None, ending: str
) -> list[tuple[str, ...]]:
    """The file names of each sample, relative with `/`: one a class if `classes` is given, else one.

    Stems that several samples share get the sample's index. Raises SegbenchError before anything is written when two files
    would have the same name (upper and lower case taken as equal, as some file systems do).
    """
    check_pattern(pattern)
    stems = [make_stem(sample.name) for sample in samples]
    repeated = {stem for stem, count in Counter(_fold(stem) for stem in stems).items() if count > 1}
    words = _unique_words(classes) if classes is not None else [""]
    taken: dict[str, Named] = {}
    planned = []
    for sample, stem in zip(samples, stems, strict=True):
        if _fold(stem) in repeated:
            stem = f"{stem}_{sample.index}"
        names = []
        for word in words:
            fields = {"stem": stem, "index": sample.index, "split": clean(sample.split), "class": word or "all"}
            name = pattern.replace("\\", "/").format(**fields) + ending
            if (other := taken.get(_fold(name))) is not None:
                raise SegbenchError(_tell_collision(pattern, name, other, sample), _advise(pattern, classes))
            taken[_fold(name)] = sample
            names.append(name)
        planned.append(tuple(names))
    return planned


def make_stem(name: str) -> str:
    """A sample's name without an image's ending and folders, safe as a file name."""
    last = PurePosixPath(name.replace("\\", "/")).name
    for ending in _IMAGE_ENDINGS:
        if last.lower().endswith(ending) and len(last) > len(ending):
            last = last[: -len(ending)]
            break
    return clean(last)


def clean(text: str) -> str:
    """Text as part of a file name on any system; letters of every alphabet stay."""
    safe = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text)).strip(". ")
    safe = safe.encode(errors="replace")[:_LONGEST].decode(errors="ignore").strip(". ")
    return f"_{safe}" if not safe or safe.lower().partition(".")[0] in _RESERVED else safe


def _unique_words(classes: Sequence[str]) -> list[str]:
    words = [clean(name).replace(" ", "_") for name in classes]
    counts = Counter(_fold(word) for word in words)
    return [f"{word}_{k}" if counts[_fold(word)] > 1 else word for k, word in enumerate(words)]


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _find_fields(pattern: str) -> list[str]:
    return re.findall(r"\{([^{}:!]*)", pattern)


def _tell_collision(pattern: str, name: str, first: Named, second: Named) -> str:
    if first.index == second.index:
        return f"The name pattern {pattern!r} would put two classes of {second.name} into one file, {name}."
    return f"The name pattern {pattern!r} would put {first.name} and {second.name} into one file, {name}."


def _advise(pattern: str, classes: Sequence[str] | None) -> str:
    wanted = "{stem}_{class}" if classes is not None else "{stem}"
    return f"Nothing was written. Use a pattern such as {wanted}, or add {{index}}."
