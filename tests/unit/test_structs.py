"""Structs are read in several threads; msgspec must have learnt how to before the first of them does."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: here, other tests have taught msgspec already
READ = """
import sys
from segbench.config import TrainConfig
from segbench.events import LoggedEvent
from segbench.formats import cache, checkpoints, classes, purdue, runs
from segbench.records import ClassTable
from segbench.settings import Settings
import msgspec

learnt = []
sys.setprofile(lambda frame, event, arg: learnt.append(frame.f_code.co_name))
for kind in (TrainConfig, LoggedEvent, runs.RunFile, checkpoints.Header, checkpoints._Version, cache._Header,
             classes.Palette, ClassTable, Settings):
    msgspec.json.Decoder(kind)
    assert "get_class_annotations" not in learnt, kind
sys.setprofile(None)


class Fresh(msgspec.Struct):
    field: int


sys.setprofile(lambda frame, event, arg: learnt.append(frame.f_code.co_name))
msgspec.json.Decoder(Fresh)
sys.setprofile(None)
assert "get_class_annotations" in learnt, "msgspec learns in another way than this test knows"
"""


def test_that_every_struct_is_known_to_msgspec_once_its_module_is_imported() -> None:
    """Two threads that decode a Struct nobody has decoded before crash the process (msgspec 0.22)."""
    told = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
