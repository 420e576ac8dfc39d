"""What the export dialog decides, with stand-ins for the view and the jobs; the truth is exported, so no network is needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segbench.data.dataset import Dataset
from segbench.errors import SegbenchError
from segbench.events import ExportRequested, RunsListed
from segbench.gui.panels.export.draft import Done, Draft, list_indices, parse_numbers
from segbench.gui.panels.export.presenter import ExportPresenter
from segbench.gui.session import Session
from segbench.records import CheckpointInfo, Reading, RunInfo
from segbench.settings import Settings

from .stand_ins import SHAPES, Recorder, StandInJobs, build_samples


class Bench:
    def __init__(self, out: Path) -> None:
        self.session = Session(Settings())
        self.jobs = StandInJobs(self.session.publish)
        self.session.attach(self.jobs)  # type: ignore[arg-type]
        self.presenter = ExportPresenter(self.session, self.jobs)  # type: ignore[arg-type]
        self.view = Recorder()
        self.presenter.attach(self.view)  # type: ignore[arg-type]
        self.session.subscribe(self.presenter.handle)
        self.dataset = Dataset.from_samples(build_samples(), SHAPES, "shapes")
        self.out = out

    def open(self, selected: tuple[int, ...] = (), reading: Reading | None = None) -> Bench:
        self.session.publish([ExportRequested(4, selected, reading, self.dataset)])
        self.presenter.change(out=str(self.out))
        self.jobs.run()
        return self

    def preview(self) -> Any:
        return self.view.last("show_preview")[0]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path / "home"))
    return Bench(tmp_path / "out")


def test_that_the_dialog_opens_with_counts_and_the_format_that_loses_nothing(bench: Bench) -> None:
    bench.open()
    counts = bench.view.last("show_dialog")[0]
    assert counts == {"this": 1, "selected": 0, "split": 6, "all": 9, "network": 0, "truth": 1}
    assert bench.preview().format == "planes"
    assert [name for name, _ in bench.preview().pictures] == ["image 4_disk.png", "image 4_star.png"]


def test_that_the_preview_shows_what_the_file_will_hold(bench: Bench) -> None:
    bench.open()
    picture = bench.preview().pictures[0][1]
    bench.presenter.start()
    bench.jobs.run()
    assert np.array_equal(np.asarray(Image.open(bench.out / "image 4_disk.png")), picture)


def test_that_a_whole_split_is_written_and_told(bench: Bench) -> None:
    bench.open()
    bench.presenter.change(scope="split")
    bench.jobs.run()
    bench.presenter.start()
    assert bench.presenter.running
    bench.jobs.run()
    assert bench.view.last("show_done") == (Done(6, 12, str(bench.out), 0, True),)
    assert json.loads((bench.out / "manifest.json").read_text())["state"] == "complete"
    assert not bench.presenter.running


def test_that_what_is_asked_for_before_its_preview_is_written_as_it_was_chosen(bench: Bench) -> None:
    bench.open()
    bench.presenter.change(format="palette")
    bench.presenter.start()  # nobody has seen the preview of this format yet
    assert not bench.presenter.running
    bench.jobs.run()
    bench.jobs.run()
    assert [path.name for path in bench.out.glob("*.png")] == ["image 4.png"]


def test_that_a_change_takes_a_hurried_wish_back(bench: Bench) -> None:
    bench.open()
    bench.presenter.change(format="palette")
    bench.presenter.start()
    bench.presenter.change(scope="all")
    bench.jobs.run()
    assert not bench.presenter.running
    assert not bench.out.exists()


def test_that_hidden_pixels_are_counted_before_anything_is_written(bench: Bench) -> None:
    samples = build_samples()
    samples[4].masks[1].flat[:3] = True  # type: ignore[index]
    bench.dataset = Dataset.from_samples(samples, SHAPES, "shapes")
    bench.open()
    bench.presenter.change(format="palette")
    bench.jobs.run()
    assert bench.preview().hidden == 3
    assert not bench.out.exists()


def test_that_selected_samples_are_proposed_first(bench: Bench) -> None:
    bench.open(selected=(3, 5))
    assert bench.presenter.draft.scope == "selected"
    bench.presenter.start()
    bench.jobs.run()
    assert bench.view.last("show_done")[0].samples == 2


def test_that_a_pattern_that_maps_two_samples_to_one_file_is_refused_beforehand(bench: Bench) -> None:
    bench.open()
    bench.presenter.change(scope="split", pattern="same_{class}")
    bench.jobs.run()
    assert "one file" in bench.preview().problem[0]
    bench.presenter.start()
    assert not bench.presenter.running


@pytest.mark.parametrize("change", [{"pattern": "{nope}"}, {"scope": "numbers", "numbers": "7-99"}, {"out": ""}])
def test_that_a_draft_that_cannot_be_written_says_why_and_does_not_start(bench: Bench, change: dict[str, str]) -> None:
    bench.open()
    bench.presenter.change(**change)
    bench.jobs.run()
    assert bench.preview().problem is not None
    bench.presenter.start()
    assert "export" not in bench.jobs.kinds()


def test_that_another_format_takes_its_own_pattern_again(bench: Bench) -> None:
    bench.open()
    bench.presenter.change(pattern="{index}_{class}")
    bench.presenter.change(format="palette")
    assert bench.presenter.draft.pattern == ""


def test_that_the_command_line_names_the_same_samples_and_folder(bench: Bench) -> None:
    bench.open()
    bench.presenter.change(scope="numbers", numbers="1-3, 8", format="palette", flattening="smallest")
    bench.jobs.run()
    command = bench.preview().command
    assert command.startswith("segbench export")
    for words in ("--indices 0-2,7", "--format palette", "--flatten smallest", str(bench.out)):
        assert words in command


def test_that_files_and_command_line_have_the_colours_that_the_panels_show(bench: Bench) -> None:
    bench.session.set_color("star", (1, 2, 3))
    bench.open()
    bench.presenter.change(format="palette")
    bench.jobs.run()
    assert bench.preview().command.endswith("'--color=star=#010203'")
    bench.presenter.start()
    bench.jobs.run()
    palette = Image.open(bench.out / "image 4.png").getpalette()
    assert palette is not None
    assert palette[3:9] == [0, 158, 115, 1, 2, 3]
    assert json.loads((bench.out / "manifest.json").read_text())["command"] == bench.preview().command


def test_that_a_checkpoint_is_called_by_the_name_its_run_was_given(bench: Bench) -> None:
    bench.session.checkpoint = CheckpointInfo("/r/one/checkpoints/best.safetensors", "munet", SHAPES, "planes", 1, 1, 1)
    bench.session.publish([RunsListed((RunInfo("/r/one", "My run", "completed", "munet", "shapes", 0.0, 9, 9),))])
    bench.session.publish([ExportRequested(4, (), None, bench.dataset)])
    assert bench.view.last("show_dialog")[2]["checkpoint"] == "My run – best"


def test_that_a_cancelled_export_says_what_stands(bench: Bench) -> None:
    bench.open()
    bench.presenter.start()
    bench.presenter.cancel()
    bench.jobs.run()
    assert bench.view.last("show_done")[0].complete is False
    assert not bench.presenter.running


def test_that_an_export_that_fails_leaves_the_dialog_ready(bench: Bench) -> None:
    bench.open()
    bench.presenter.start()
    bench.jobs.run()
    bench.presenter.start()  # the files stand already, and the policy is to refuse
    bench.jobs.run()
    assert not bench.presenter.running
    assert bench.view.calls[-1][0] == "show_idle"


def test_that_a_folder_the_user_named_is_kept_for_the_next_time(bench: Bench) -> None:
    bench.open()
    bench.session.publish([ExportRequested(5, (), None, bench.dataset)])
    assert bench.presenter.draft.out == str(bench.out)


def test_that_a_folder_that_failed_is_not_proposed_for_another_dataset(bench: Bench) -> None:
    bench.out.write_text("a file, no folder")
    bench.open()
    bench.presenter.start()
    bench.jobs.run()
    bench.session.publish([ExportRequested(5, (), None, bench.dataset)])
    assert bench.presenter.draft.out == str(bench.out)  # the same dataset: to be tried again
    other = Dataset.from_samples(build_samples(), SHAPES, "others")
    bench.session.publish([ExportRequested(5, (), None, other)])
    assert bench.presenter.draft.out != str(bench.out)


def test_that_each_export_is_proposed_a_folder_that_holds_nothing(bench: Bench) -> None:
    proposed = []
    for _ in range(3):
        bench.session.publish([ExportRequested(4, (), None, bench.dataset)])
        bench.jobs.run()
        bench.presenter.start()
        bench.jobs.run()
        proposed.append(Path(bench.presenter.draft.out))
    assert [path.name for path in proposed] == ["shapes", "shapes 2", "shapes 3"]
    assert all((path / "manifest.json").exists() for path in proposed)


def test_that_any_split_can_be_exported_and_the_own_one_stands_first(bench: Bench) -> None:
    bench.open()
    own, other = bench.dataset.split_of(4), bench.dataset.split_of(0)
    assert list(bench.view.last("show_dialog")[1]) == [own, other]
    bench.presenter.change(scope="split", split=other)
    bench.jobs.run()
    bench.presenter.start()
    bench.jobs.run()
    assert bench.view.last("show_done")[0].samples == 3


def test_that_the_only_split_is_exported_as_all_images_and_one_image_as_itself(bench: Bench) -> None:
    bench.open()
    bench.presenter.change(scope="split")
    bench.dataset = Dataset.from_samples(build_samples()[3:], SHAPES, "six")
    bench.open()
    assert bench.presenter.draft.scope == "all"
    one = Dataset.from_samples(build_samples()[:1], SHAPES, "one")
    bench.session.publish([ExportRequested(0, (), None, one)])
    assert bench.presenter.draft.scope == "this"


def test_that_without_a_dataset_no_dialog_opens(bench: Bench) -> None:
    bench.session.publish([ExportRequested(0, (), None, None)])
    assert bench.view.count("show_dialog") == 0


@pytest.mark.parametrize(
    ("text", "expected"), [("3", [2]), ("1-3, 6", [0, 1, 2, 5]), ("6;2-3,3", [1, 2, 5]), (" 2 - 4 ", [1, 2, 3])]
)
def test_that_numbers_from_one_and_ranges_are_read_in_order(text: str, expected: list[int]) -> None:
    assert parse_numbers(text, 9) == expected


@pytest.mark.parametrize("text", ["", "x", "3-1", "10", "0", "1,,-2", "0-9", "2-10"])
def test_that_numbers_that_name_no_sample_are_refused(text: str) -> None:
    with pytest.raises(SegbenchError):
        parse_numbers(text, 9)


def test_that_each_scope_covers_its_samples() -> None:
    wanted = {"this": [4], "selected": [1, 2], "split": [3, 4], "all": [0, 1, 2, 3, 4], "numbers": [0]}
    for scope, expected in wanted.items():
        draft = Draft(scope=scope, numbers="1")  # type: ignore[arg-type]
        assert list_indices(draft, 4, (1, 2), range(3, 5), 5) == expected
