"""Hostile files: what a stranger may put into a data set, weights, a run or a folder of pictures. Builds them; opens none."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

CANARY = "canary"  # a file that appears if something in a file was executed


class Case(NamedTuple):
    """A hostile file or folder, and the command that reads it."""

    name: str
    arguments: tuple[str, ...]


def build(folder: Path) -> Iterator[Case]:
    """Writes every hostile file into `folder`; what the system does not know (pipes, devices) is left out."""
    for name, data in list_pickles(str(folder / CANARY)):
        path = folder / f"{name}.gz"
        path.write_bytes(gzip.compress(data, 1))
        yield Case(name, ("info", str(path)))
    for name, value in list_schema_lies():
        path = folder / f"{name}.gz"
        path.write_bytes(gzip.compress(pickle.dumps(value, 3), 1))
        yield Case(name, ("info", str(path)))
    for name, ending, data in (*list_packings(), *list_weights(str(folder / CANARY))):
        path = folder / f"{name}{ending}"
        path.write_bytes(data)
        yield Case(name, ("info", str(path)))
    for name, text in list_texts():
        run = folder / name
        run.mkdir()
        (run / "run.json").write_bytes(text)
        yield Case(name, ("info", str(run)))
    for name, files in list_folders():
        place = folder / name
        for file, data in files.items():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_bytes(data)
        out = ("--set", "epochs=1", "--set", "data.hold_out=0", "--out", str(folder / f"run of {name}"))
        yield Case(name, ("train", str(place), *out))
    yield from list_odd_paths(folder)


# Pickles ------------------------------------------------------------------------------------------------------------------


def list_pickles(canary: str) -> Iterator[tuple[str, bytes]]:
    command = f"touch {canary}".encode()
    text = b"X" + struct.pack("<I", len(command)) + command

    def call(module: str, name: str, argument: bytes = text) -> bytes:
        return b"\x80\x02c" + f"{module}\n{name}\n".encode() + argument + b"\x85R."

    for module, name in (
        ("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "getoutput"), ("builtins", "eval"),
        ("builtins", "exec"), ("__builtin__", "eval"), ("builtins", "getattr"), ("numpy", "load"), ("operator", "attrgetter"),
        ("numpy.testing._private.utils", "runstring"), ("torch", "load"), ("pickle", "loads"), ("importlib", "import_module"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"), ("numpy", "ndarray\x00"),
    ):  # fmt: skip
        yield f"calls {module}.{name}".replace("\x00", "0"), call(module, name)
    by_stack = b"\x8c\x02os\x8c\x06system\x93"
    yield "calls by names on the stack", b"\x80\x04" + by_stack + text + b"\x85R."
    yield "makes an object", b"\x80\x02cos\nsystem\n" + text + b"\x85\x81."
    yield "makes an object with keywords", b"\x80\x04" + by_stack + text + b"\x85}\x92."
    yield "an instance of old", b"(" + text + b"ios\nsystem\n."
    yield "an object of old", b"(cos\nsystem\n" + text + b"o."
    yield "an extension code", b"\x80\x02\x82\x01."
    yield "a persistent name", b"Pmodule\n."
    yield "a persistent object", b"\x80\x02]Q."
    yield "an out-of-band buffer", b"\x80\x05\x97."
    rebuild = b"cnumpy.core.numeric\n_frombuffer\n"
    yield "changes a function's defaults", b"\x80\x02" + rebuild + b"}X\x0c\x00\x00\x00__defaults__)sb."
    dtype = b"cnumpy\ndtype\nX\x02\x00\x00\x00V8K\x00K\x01\x87R(K\x03X\x01\x00\x00\x00|NX\x01\x00\x00\x00a\x85"
    lie = dtype + b"}X\x01\x00\x00\x00acnumpy\ndtype\nX\x02\x00\x00\x00O8K\x00K\x01\x87RK\x00\x86sK\x08K\x01K\x00tb"
    yield "bytes told to be objects", b"\x80\x02cnumpy.core.multiarray\nscalar\n" + lie + b"U\x08AAAAAAAA\x86R."
    yield "a type of objects", b"\x80\x02" + lie + b"."
    yield "a memo of sixteen gigabytes", b"\x80\x02]r\x00\x00\x00\x40."
    dag = b"\x80\x02)" + b"".join(b"q\x00h\x00h\x00\x86" for _ in range(60))
    yield "a key whose hash never ends", dag.replace(b")", b"}(", 1)[:4] + b")" + dag[3:] + b"K\x01u."
    keys = b"".join(
        b"\x8a\x0b" + (k * (2**61 - 1)).to_bytes(11, "little", signed=True) + b"K\x01" for k in range(1, 60_000)
    )
    yield "sixty thousand keys of one hash", b"\x80\x02}(" + keys + b"u."
    yield "a number of two million digits", b"L" + b"9" * 2_000_000 + b"L\n."
    yield "five million looks into the memo", b"\x80\x02]q\x00(" + b"h\x00" * 5_000_000 + b"e."
    yield "bytes of an exabyte", b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"x."
    yield "a frame of an exabyte", b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"]."
    yield "a text of negative length", b"\x80\x02T\xff\xff\xff\xffx."
    yield "a number of negative length", b"\x80\x02\x8b\xff\xff\xff\xffx."
    yield "a million nested lists", b"\x80\x02" + b"]" * 1_000_000 + b"a" * 999_999 + b"."
    yield "a million marks", b"\x80\x02" + b"(" * 1_000_000 + b"."
    yield "a list that holds itself", b"\x80\x02]q\x00h\x00a."
    yield "something behind its end", pickle.dumps(({}, {}), 2) + call("os", "system")
    yield "nothing but an end", b"\x80\x02."
    yield "nothing on the stack", b"\x80\x020."
    yield "keys that are no names", pickle.dumps(({1.5: 1}, {}), 2)


# What a data set says --------------------------------------------------------------------------------------------------


def list_schema_lies() -> Iterator[tuple[str, Any]]:
    import numpy as np

    side, names = 8, {"rectangle": 50, "disk": 150}
    pixels = [0] * (side * side)
    planes = np.zeros((2, side, side), np.uint8)

    def record(**changes: Any) -> list[Any]:
        parts = {"r": pixels, "g": pixels, "b": pixels, "masks": planes, "boxes": {0: [[1, 1, 3, 3]], 1: []}} | changes
        return list(parts.values())

    def change(names: Any = names, **changes: Any) -> Any:
        return {0: record(), 1: record(**changes)}, names

    yield "an image of four parts", ({0: record()[:4]}, names)
    yield "a channel too short", change(r=pixels[:-1])
    yield "a channel beyond 255", change(g=[300] * (side * side))
    yield "a channel of texts", change(b=["x"] * (side * side))
    yield "masks of another size", change(masks=np.zeros((2, 4, 4), np.uint8))
    yield "masks of fractions", change(masks=planes + 0.5)
    yield "masks of other values", change(masks=planes + 7)
    yield "no masks at all", change(masks=None)
    yield "a box far outside", change(boxes={0: [[-900, 0, 9000, 3]], 1: []})
    yield "a box of three corners", change(boxes={0: [[1, 2, 3]], 1: []})
    yield "boxes of an unknown class", change(boxes={7: [[1, 1, 3, 3]]})
    yield "an image left out", ({0: record(), 2: record()}, names)
    yield "classes that share a value", change({"rectangle": 50, "disk": 50})
    yield "a class of value zero", change({"rectangle": 0, "disk": 150})
    yield "a class of ten thousand letters", change({"x" * 10_000: 50, "disk": 150})
    yield "a class that turns the text around", change({"rect\u202egnp.exe": 50, "disk": 150})
    yield "more classes than planes", change({f"c{k}": k for k in range(1, 9)})
    yield "no images", ({}, names)


# Packings and weights --------------------------------------------------------------------------------------------------


def list_packings() -> Iterator[tuple[str, str, bytes]]:
    bomb = zlib.compressobj(9, wbits=31)
    yield "a gzip bomb", ".gz", b"".join(bomb.compress(b"\x80\x02" + b"]0" * 2**19) for _ in range(600)) + bomb.flush()
    good = gzip.compress(pickle.dumps(({}, {}), 2))
    yield "a gzip cut short", ".gz", good[:-9]
    yield "a gzip of a wrong checksum", ".gz", good[:-8] + b"\0\0\0\0" + good[-4:]
    yield "an empty gzip", ".gz", b""
    yield "a picture named gz", ".gz", b"\x89PNG\r\n\x1a\n" + b"\0" * 100


def list_weights(canary: str) -> Iterator[tuple[str, str, bytes]]:
    def pack(records: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", kind) as archive:
            for name, data in records.items():
                archive.writestr(f"archive/{name}", data)
        return file.getvalue()

    text = f"touch {canary}".encode()
    gadget = b"\x80\x02cos\nsystem\nX" + struct.pack("<I", len(text)) + text + b"\x85R."
    yield "weights that call", ".pt", pack({"data.pkl": gadget, "version": b"3\n"})
    yield (
        "weights packed to a bomb",
        ".pt",
        pack({"data.pkl": b"\x80\x02" + b"]0" * 2**26, "version": b"3\n"}, zipfile.ZIP_DEFLATED),
    )
    whole = pack({"data.pkl": b"\x80\x02}.", "version": b"3\n"})
    yield "weights of lying sizes", ".pt", whole.replace(struct.pack("<II", 4, 4), struct.pack("<II", 4, 2**31))
    yield "weights cut short", ".pt", whole[: len(whole) // 2]
    yield "empty weights", ".pt", b""
    yield "a text named weights", ".pt", b"hello\n" * 100
    yield "old weights that call", ".pt", gadget
    yield "a header of an exabyte", ".safetensors", struct.pack("<Q", 2**60) + b"{}"
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    yield "a header without end", ".safetensors", struct.pack("<Q", len(deep)) + deep
    for name, header in (
        ("tensors without a header", {}),
        ("a header that is no JSON", {"__metadata__": {"segbench": "{", "sha256": ""}}),
        ("a header nested too deep", {"__metadata__": {"segbench": "[" * 100_000, "sha256": ""}}),
        ("a header of the future", {"__metadata__": {"segbench": '{"format": 99}', "sha256": ""}}),
        ("offsets outside the file", {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
    ):
        data = json.dumps(header).encode()
        yield name, ".safetensors", struct.pack("<Q", len(data)) + data


# Texts, pictures, paths ---------------------------------------------------------------------------------------------------


def list_texts() -> Iterator[tuple[str, bytes]]:
    yield "a run nested too deep", b"[" * 200_000
    yield "a run that says a name twice", b'{"config": {}, "config": {}}'
    yield "a run of no numbers", b'{"started": NaN}'
    yield "a run of endless numbers", b'{"started": 1e999}'
    yield "a run of a large text", b'{"name": "' + b"x" * (17 * 2**20) + b'"}'
    yield "a run of other bytes", b"\xff\xfe\x00"
    yield "an empty run", b""


def list_folders() -> Iterator[tuple[str, dict[str, bytes]]]:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def draw(width: int, height: int, data: bytes, *extra: bytes) -> bytes:
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")

    small = draw(8, 8, zlib.compress(b"\0" * 72))
    bomb = draw(30_000, 30_000, zlib.compress(b"\0" * 2**20))
    long = draw(8, 8, zlib.compress(b"\0" * 72), chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * (200 * 2**20), 9)))
    yield "a picture of a billion pixels", {"images/a.png": bomb, "masks/a.png": small}
    yield "a mask of a billion pixels", {"images/a.png": small, "masks/a.png": bomb}
    yield "a picture with a bomb of text", {"images/a.png": long, "masks/a.png": small}
    yield "a picture cut short", {"images/a.png": small[:44], "masks/a.png": small}
    yield "a mask of another size", {"images/a.png": small, "masks/a.png": draw(9, 9, zlib.compress(b"\0" * 90))}
    classes = {"images/a.png": small, "masks/a.png": small}
    yield "a class file of a long name", {**classes, "classes.txt": b"x" * 10_000}
    yield "a class file that turns the text around", {**classes, "classes.txt": "rect\u202egnp.exe\n".encode()}
    yield "a class file of two megabytes", {**classes, "classes.txt": b"a\n" * 2**20}
    yield "a folder of nothing", {"readme.md": b"nothing"}


def list_odd_paths(folder: Path) -> Iterator[Case]:
    def odd(name: str, make: Callable[[Path], object], ending: str) -> Case:
        path = folder / f"{name}{ending}"
        make(path)
        return Case(name, ("info", str(path)))

    yield odd("a folder named gz", Path.mkdir, ".gz")
    yield Case("nothing there", ("info", str(folder / "nowhere.gz")))
    if not hasattr(os, "mkfifo"):
        return
    for ending in (".gz", ".pt", ".safetensors"):
        yield odd(f"a pipe named {ending[1:]}", os.mkfifo, ending)
        yield odd(f"an endless device named {ending[1:]}", lambda path: path.symlink_to("/dev/zero"), ending)
    yield odd("a link to itself", lambda path: path.symlink_to(path), ".gz")
    yield odd("a link to nothing", lambda path: path.symlink_to(path.with_name("nothing")), ".pt")
