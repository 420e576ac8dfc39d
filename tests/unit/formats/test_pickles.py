"""The pickle reader: good files of every age are read, hostile ones are refused in one sentence, nothing is ever run."""

from __future__ import annotations

import contextlib
import gzip
import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segbench.errors import SegbenchError
from segbench.formats import pickle_opcodes, pickles, streams
from segbench.formats.pickles import PickledArray, PickledList, read_pickle
from segbench.formats.streams import Gunzip

OLD = Path(__file__).parents[2] / "data" / "purdue_old"


def read(data: bytes) -> Any:
    machine = read_pickle(io.BytesIO(data), "x.gz")
    while True:
        try:
            next(machine)
        except StopIteration as end:
            return end.value


def plain(value: Any) -> Any:
    """What came out, as the objects that pickle.loads gives."""
    if isinstance(value, PickledList):
        return [plain(item) for item in value.values()]
    if isinstance(value, PickledArray):
        return value.value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return tuple(plain(item) for item in value) if isinstance(value, tuple) else value


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return (
            isinstance(one, np.ndarray)
            and one.dtype == other.dtype
            and one.shape == other.shape
            and (one == other).all()
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)


def refused(data: bytes) -> SegbenchError:
    """Reads something that must be refused, in one sentence."""
    with pytest.raises(SegbenchError) as caught:
        read(data)
    assert caught.value.message.count("\n") == 0
    assert len(caught.value.message) < 300
    assert caught.value.message.isascii()
    return caught.value


# Good files -----------------------------------------------------------------------------------------------------------

RECORD = {
    0: [[1] * 3000 + [300, -1, 2**40], list(range(256)) * 5, (), (1, 2, 3, 4), "text", None, True, 0.5],
    "label": {"rectangle": 50, "é": -5},
    7: np.arange(60, dtype=np.uint8).reshape(3, 4, 5),
    8: np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    9: np.array([True, False]),
    10: np.array([1, -2], ">i4"),
    11: [np.int64(4), np.float32(0.25), np.uint8(7)],
    12: np.ones(3, np.float16),
}


@pytest.mark.parametrize("protocol", range(6))
def test_that_every_protocol_reads_as_python_reads_it(protocol: int) -> None:
    assert same(plain(read(pickle.dumps(RECORD, protocol))), RECORD)


@pytest.mark.parametrize("protocol", range(6))
def test_that_bytes_are_read_in_every_protocol(protocol: int) -> None:
    assert read(pickle.dumps(bytes(range(256)), protocol)) == bytes(range(256))


@pytest.mark.parametrize("path", sorted(OLD.glob("*.gz")), ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_that_old_writers_files_are_read(path: Path) -> None:
    data = gzip.decompress(path.read_bytes())
    assert same(plain(read(data)), pickle.loads(data, encoding="latin1"))


def test_that_rows_of_small_numbers_stay_bytes_wherever_the_buffer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    row = np.random.default_rng(0).integers(0, 256, 50_000).tolist()
    for protocol in (0, 2, 4):
        data = pickle.dumps([row, "K" * 1000, row], protocol)
        for buffer in (1001, 4096, 1 << 22):
            monkeypatch.setattr(pickles, "BUFFER", buffer)
            monkeypatch.setattr(pickles, "MARGIN", 512)
            found = read(data).values()
            assert found[0].pixels().tolist() == row
            assert found[1] == "K" * 1000
            assert sum(len(part) for part in found[2].parts if isinstance(part, bytes)) > 49_000


def test_that_text_escapes_of_python_2_are_read_as_latin1() -> None:
    assert read(b"S'a\\x00\\xff\\\\\\'\\n'\np0\n.") == "a\x00ÿ\\'\n"
    assert read(b"I01\n.") is True
    assert read(b"L-12L\n.") == -12


def test_that_shared_objects_stay_shared() -> None:
    inner = [1, 2]
    first, second = read(pickle.dumps([inner, inner])).values()
    assert first is second


# Hostile files --------------------------------------------------------------------------------------------------------


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


ARRAY = name("numpy.core.multiarray", "_reconstruct") + name("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
DTYPE = name("numpy", "dtype") + text("u1") + b"\x89\x88\x87R"
OBJECT_DTYPE = name("numpy", "dtype") + text("O8") + b"\x89\x88\x87R"
VOID_DTYPE = name("numpy", "dtype") + text("V8") + b"\x89\x88\x87R"
GADGETS = [
    ("os", "system"), ("posix", "system"), ("nt", "system"), ("builtins", "eval"), ("__builtin__", "eval"),
    ("builtins", "getattr"), ("subprocess", "Popen"), ("numpy", "load"), ("numpy.core.multiarray", "fromfile"),
    ("numpy", "ndarray.tofile"), ("numpy.core.multiarray", "_reconstruct.__globals__"), ("torch", "load"),
    ("_codecs", "decode"), ("codecs", "encode"), ("numpy.testing._private.utils", "runstring"), ("", ""),
    ("numpy\x00", "dtype"), ("numpy", "dtype "), ("NumPy", "dtype"), ("\u202enumpy", "dtype"), ("numpy", "d" * 10_000),
]  # fmt: skip


@pytest.mark.parametrize(("module", "attribute"), GADGETS, ids=lambda value: ascii(value[:20]))
def test_that_names_beyond_the_short_list_are_refused(module: str, attribute: str) -> None:
    if "\n" not in module + attribute:
        refused(name(module, attribute) + b"(tR.")
    refused(b"\x80\x04" + text(module) + text(attribute) + b"\x93(tR.")


def test_that_nothing_a_file_says_is_executed(tmp_path: Path) -> None:
    canary = tmp_path / "canary"

    class Gadget:
        def __reduce__(self) -> Any:
            return (open, (str(canary), "w"))

    for protocol in range(6):
        refused(pickle.dumps({0: Gadget()}, protocol))
    refused(b"(S'touch " + str(canary).encode() + b"'\nios\nsystem\n.")
    refused(b"cos\nsystem\n(S'touch " + str(canary).encode() + b"'\ntR.")
    assert not canary.exists()


STATE = b"(K\x01K\x04\x85" + DTYPE + b"\x89C\x04abcdtb"
HOSTILE = {
    "empty": b"",
    "only stop": b".",
    "only a mark": b"(.",
    "two objects": b"K\x00K\x01.",
    "something after stop": b"K\x00.K",
    "two pickles": b"K\x00.K\x01.",
    "newer protocol": b"\x80\x06K\x00.",
    "unknown opcode": b"\xff.",
    "pop": b"K\x000K\x01.",
    "dup": b"]2a.",
    "set": b"\x8f.",
    "frozen set": b"(\x91.",
    "instance": b"(i__main__\nX\n.",
    "object": b"(" + name("numpy", "ndarray") + b"o.",
    "new object": name("numpy", "ndarray") + b")\x81.",
    "extension": b"\x82\x01.",
    "persistent id": b"P1\n.",
    "binary persistent id": b"K\x01Q.",
    "outside buffer": b"\x97.",
    "append to a dict": b"}K\x00a.",
    "append to nothing": b"K\x00a.",
    "set item of a list": b"]K\x00K\x00s.",
    "odd items": b"}(K\x00u.",
    "key is a tuple": b"}K\x01\x85K\x00s.",
    "key is a float": b"}G\x00\x00\x00\x00\x00\x00\x00\x00K\x00s.",
    "key is a bool": b"}\x88K\x00s.",
    "key is bytes": b"}C\x01aK\x00s.",
    "get of nothing": b"h\x05.",
    "line get of nothing": b"g99999999999999999999999\n.",
    "call of a number": b"K\x00)R.",
    "call without a tuple": name("numpy", "dtype") + b"K\x00R.",
    "call of a type": name("numpy", "ndarray") + b"(K\x05tR.",
    "state of a list": b"]K\x00b.",
    "state of a name": name("numpy.core.numeric", "_frombuffer") + b"}" + text("__defaults__") + b"K\x00sb.",
    "state of a number": b"K\x00K\x00b.",
    "state twice": ARRAY + STATE + STATE + b".",
    "object dtype": OBJECT_DTYPE + b".",
    "void dtype with object fields": VOID_DTYPE
    + b"(K\x03"
    + text("|")
    + b"N("
    + text("a")
    + b"t}"
    + text("a")
    + OBJECT_DTYPE
    + b"K\x00\x86sK\x08K\x01K\x00tb.",
    "fields on a plain dtype": DTYPE + b"(K\x03" + text("|") + b"N(" + text("a") + b"t}K\x08K\x01K\x00tb.",
    "sub-array dtype": DTYPE + b"(K\x03" + text("|") + DTYPE + b"K\x05\x85\x86NNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",
    "dtype of a sub-array": name("numpy", "dtype") + text("(1000000,)u8") + b"\x89\x88\x87R.",
    "dtype by commas": name("numpy", "dtype") + text("u1,O") + b"\x89\x88\x87R.",
    "long double": name("numpy", "dtype") + text("f16") + b"\x89\x88\x87R.",
    "byte order of nonsense": DTYPE + b"(K\x03" + text("x") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",
    "too few bytes": ARRAY + b"(K\x01K\x05\x85" + DTYPE + b"\x89C\x04abcdtb.",
    "too many bytes": ARRAY + b"(K\x01K\x03\x85" + DTYPE + b"\x89C\x04abcdtb.",
    "negative shape": ARRAY + b"(K\x01J\xff\xff\xff\xffJ\xfc\xff\xff\xff\x86" + DTYPE + b"\x89C\x04abcdtb.",
    "overflowing shape": ARRAY
    + b"(K\x01\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40\x8a\x01\x04\x86"
    + DTYPE
    + b"\x89C\x04abcdtb.",
    "shape of floats": ARRAY + b"(K\x01G@\x10\x00\x00\x00\x00\x00\x00\x85" + DTYPE + b"\x89C\x04abcdtb.",
    "empty array": ARRAY + b"(K\x01K\x00\x85" + DTYPE + b"\x89C\x00tb.",
    "list of objects as data": ARRAY + b"(K\x01K\x01\x85" + DTYPE + b"\x89]tb.",
    "scalar of an object": name("numpy.core.multiarray", "scalar") + OBJECT_DTYPE + b"C\x08abcdefgh\x86R.",
    "scalar of two values": name("numpy.core.multiarray", "scalar") + DTYPE + b"C\x02ab\x86R.",
    "encode to another codec": name("_codecs", "encode") + text("a") + text("zlib") + b"\x86R.",
    "encode beyond latin1": name("_codecs", "encode") + text("€") + text("latin1") + b"\x86R.",
    "text that is not utf-8": b"X\x01\x00\x00\x00\xff.",
    "unquoted string": b"Sabc\n.",
    "string with a strange escape": b"S'\\N{BELL}'\n.",
    "number of 2,000,000 digits": b"L" + b"9" * 2_000_000 + b"L\n.",
    "int of 5,000 digits": b"I" + b"9" * 5_000 + b"\n.",
    "long of 200 bytes": b"\x8a\xc8" + b"\xff" * 200 + b".",
    "long of 2 GB": b"\x8b\xff\xff\xff\x7f.",
    "long of a negative size": b"\x8b\xff\xff\xff\xff.",
    "float line of words": b"F__import__('os')\n.",
    "bytes of 4 GB": b"B\xff\xff\xff\xffabc.",
    "bytes of 2^63": b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "text of 2^64": b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.",
    "string of a negative size": b"T\xff\xff\xff\xffabc.",
    "endless line": b"V" + b"a" * 100_000,
    "tuple as key, 60 deep": b"}K\x00" + b"\x85q\x01h\x01\x86" * 60 + b"K\x00s.",
    "colliding keys": b"}(" + b"".join(
        b"\x8a\x0b" + (k * (2**61 - 1)).to_bytes(11, "little") + b"K\x00" for k in range(1, 60_000)
    ) + b"u.",
    "a long row outside a list": b"(" + b"K\x00" * 100_000 + b"t.",
    "mark without end": b"(" * 100_000,
    "closing without a mark": b"t.",
}  # fmt: skip


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_that_hostile_operations_are_refused_in_one_sentence(data: bytes) -> None:
    refused(data)


def test_that_a_huge_memo_number_costs_nothing() -> None:
    assert read(b"K\x07r\x00\x00\x00\x40j\x00\x00\x00\x40\x86.") == (7, 7)


def test_that_objects_are_bounded_by_the_bytes_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "FREE_OPCODES", 10_000)
    for opcode in (b"]", b"N", b")", b"}", b"("):
        refused(b"](" + opcode * 20_000 + b"e.")
    refused(b"]q\x01(" + b"h\x01" * 20_000 + b"e.")
    refused(b"K\x00" + b"\x94" * 20_000 + b".")


def test_that_text_told_once_cannot_become_a_thousand_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "FREE_COPIES", 1 << 20)
    told = b"T" + struct.pack("<i", 100_000) + b"a" * 100_000 + b"q\x01"
    again = name("_codecs", "encode") + b"h\x01" + text("latin1") + b"\x86R"
    refused(b"](" + told + again * 50 + b"e.")
    assert len(read(b"](" + told + again * 5 + b"e.")) == 6


def test_that_deep_nesting_neither_recurses_nor_crashes() -> None:
    deep = read(b"]" + b"\x85" * 100_000 + b".")
    assert isinstance(deep, tuple)
    del deep
    assert isinstance(read(b"]" * 100_000 + b"a" * 99_999 + b"."), PickledList)


def test_that_a_gzip_bomb_is_noticed_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FREE_EXPANSION", 1 << 20)
    bomb = gzip.compress(b"](" + b"K\x00" * (8 << 20) + b"e.", 9)
    source = Gunzip(io.BytesIO(bomb), "bomb.gz")
    with pytest.raises(SegbenchError, match="unpacks to far more"):
        list(read_pickle(source, "bomb.gz"))
    assert source.unpacked < 10 << 20


@pytest.mark.parametrize("cut", [0, 1, 5, 10, 18, 19, 500, -9, -8, -1])
def test_that_a_cut_gzip_is_noticed(cut: int) -> None:
    packed = gzip.compress(pickle.dumps(list(range(5000))))
    with pytest.raises(SegbenchError):
        list(read_pickle(Gunzip(io.BytesIO(packed[:cut]), "x.gz"), "x.gz"))


def test_that_gzip_members_and_padding_are_read_and_rubbish_is_not() -> None:
    data = pickle.dumps(list(range(5000)))
    packed = gzip.compress(data[:100]) + gzip.compress(data[100:])
    assert list(read_pickle(Gunzip(io.BytesIO(packed + bytes(300)), "x.gz"), "x.gz"))
    with pytest.raises(SegbenchError):
        list(read_pickle(Gunzip(io.BytesIO(packed + b"rubbish"), "x.gz"), "x.gz"))


def read_or_refuse(data: bytes) -> None:
    """No other exception, whatever the bytes are."""
    with contextlib.suppress(SegbenchError):
        read(data)


# Properties -------------------------------------------------------------------------------------------------------------

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
SMALL = {0: [[1] * 40, [2] * 40, [300] * 3, np.arange(20, dtype=np.uint8).reshape(1, 4, 5), {0: [[1, 2, 3, 4]], 1: []}]}
GOOD = [pickle.dumps((SMALL, {"rectangle": 50}), protocol) for protocol in range(6)]


@QUICK
@given(st.sampled_from(GOOD), st.data())
def test_that_every_cut_is_an_error(data: bytes, draw: st.DataObject) -> None:
    refused(data[: draw.draw(st.integers(0, len(data) - 1))])


@QUICK
@given(st.sampled_from(GOOD), st.data())
def test_that_flipped_bytes_give_an_error_or_plain_data(data: bytes, draw: st.DataObject) -> None:
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        changed[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    read_or_refuse(bytes(changed))


@QUICK
@given(st.data())
def test_that_flips_in_a_gzip_give_an_error_or_the_same(draw: st.DataObject) -> None:
    packed = bytearray(gzip.compress(GOOD[2], mtime=0))
    packed[draw.draw(st.integers(0, len(packed) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    try:
        data = Gunzip(io.BytesIO(bytes(packed)), "x.gz").read(1 << 20)
    except SegbenchError:
        return
    assert data == GOOD[2]


OPCODES = st.sampled_from([bytes((code,)) for code in pickle_opcodes.HANDLERS])
PIECES = st.one_of(
    OPCODES,
    OPCODES,
    st.binary(max_size=5),
    st.sampled_from([ARRAY, DTYPE, STATE, b"K\x01", b"h\x00", b"0\n", text("u1")]),
)


@QUICK
@given(st.lists(PIECES, max_size=60))
def test_that_random_operations_give_an_error_or_plain_data(pieces: list[bytes]) -> None:
    read_or_refuse(b"".join(pieces) + b".")
