"""What ends a command in order: the generator is closed, and the shell gets the code it expects."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from segbench.cli.interrupt import Interrupted, pull

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


def work(number, log):
    try:
        for step in range(3):
            if step == 1:
                os.kill(os.getpid(), number)
            yield step
    finally:
        log.append("closed")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_that_each_request_to_stop_closes_the_work(name):
    number, shown, log = getattr(signal, name), [], []
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as stopped:
        pull(work(number, log), shown.append)
    assert (stopped.value.code, shown, log) == (128 + number, [0, 1], ["closed"])
    assert signal.getsignal(number) is before


def test_that_work_under_nohup_outlives_its_terminal():
    before, shown, log = signal.signal(signal.SIGHUP, signal.SIG_IGN), [], []
    try:
        pull(work(signal.SIGHUP, log), shown.append)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert shown == [0, 1, 2]
