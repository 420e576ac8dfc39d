"""Every exception becomes one sentence and a hint."""

from __future__ import annotations

import errno

import pytest

from segbench.errors import OutOfMemory, SegbenchError, explain


def raised(error):
    try:
        raise error
    except BaseException as caught:
        return caught


def test_that_an_expected_error_keeps_its_words():
    report = explain(raised(SegbenchError("The file is empty.", "Choose another.")))
    assert (report.message, report.hint, report.expected) == ("The file is empty.", "Choose another.", True)
    assert "Traceback" in report.details


def test_that_an_error_reads_as_message_and_hint():
    assert str(SegbenchError("It broke.", "Mend it.")) == "It broke. Mend it."
    assert str(SegbenchError("It broke.")) == "It broke."


def test_that_out_of_memory_offers_a_smaller_batch():
    assert explain(OutOfMemory("Too little memory.", "Take less.", smaller_batch=2)).smaller_batch == 2


def test_that_a_library_s_own_out_of_memory_is_understood_without_importing_it():
    class OutOfMemoryError(RuntimeError):
        pass

    cpu = RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: 400 bytes")
    for error in (OutOfMemoryError("CUDA out of memory"), MemoryError(), cpu):
        report = explain(error)
        assert report.expected
        assert "batch" in report.hint


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOENT, errno.EISDIR, errno.ENOTDIR])
def test_that_a_disk_error_names_its_file_and_a_way_out(number):
    report = explain(OSError(number, "as the system says it", "masks/a.png"))
    assert "masks/a.png" in report.message
    assert report.message.endswith(").")
    assert report.hint
    assert report.expected


def test_that_an_unknown_system_error_keeps_the_system_s_words():
    assert explain(OSError(errno.EPIPE, "Broken pipe")).message == "Broken pipe."
    assert explain(OSError("no number")).message == "no number."


def test_that_anything_else_is_owned_up_to_as_a_bug():
    report = explain(raised(KeyError("bbox")))
    assert not report.expected
    assert "KeyError" in report.message
    assert "KeyError" in report.details


def test_that_an_exception_that_cannot_speak_is_explained_all_the_same():
    class Mute(Exception):
        def __str__(self):
            raise ValueError("no words")

    assert "Mute" in explain(raised(Mute())).message


def test_that_a_name_that_is_not_utf_8_is_the_user_s_to_mend():
    with pytest.raises(UnicodeEncodeError) as caught:
        "caf\udce9".encode()
    report = explain(caught.value)
    assert report.expected
    assert "caf?" in report.message
    assert "Rename" in report.hint


def test_that_an_interruption_is_not_a_bug():
    assert explain(KeyboardInterrupt()).expected
