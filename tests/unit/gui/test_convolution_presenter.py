"""What the convolution lab decides, with stand-ins for the view and the jobs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from segbench.config import find_preset, find_presets
from segbench.convolution.code import write_code
from segbench.convolution.geometry import build_geometry
from segbench.convolution.lecture import PRESETS
from segbench.convolution.operation import Operation
from segbench.data.dataset import Dataset
from segbench.errors import SegbenchError, explain
from segbench.events import (
    CheckpointClosed,
    JobCancelled,
    JobDone,
    JobFailed,
    LayersRequested,
    PageRequested,
    Progressed,
    SampleSelected,
)
from segbench.gui.panels.convolution.coverage_picture import resolve_coverage
from segbench.gui.panels.convolution.lab import Lab, change_geometry, set_knob
from segbench.gui.panels.convolution.presenter import MOST_NUMBERS_IN_CODE, ConvolutionPresenter
from segbench.gui.session import Session
from segbench.records import (
    Agreement,
    CheckpointInfo,
    ClassInfo,
    ClassTable,
    NetworkSummary,
    OpenedLayer,
    Proof,
)
from segbench.settings import Settings

from .stand_ins import SHAPES, Recorder, StandInJobs, build_samples

PROOF = Proof(Agreement((), (), 1.0), Agreement((), (), 1.0))
SUMMARY = NetworkSummary("munet", (64, 64), (), 10, 0, 100)
TOPICS = {"operation": "show_operation", "matrix": "show_matrix", "coverage": "show_coverage", "atrous": "show_atrous"}


class Step(NamedTuple):
    text: str
    before: Lab
    after: Lab
    gesture: Hashable


class StandInView(Recorder):
    """Remembers what can be undone, and does it, as the window's undo stack would."""

    def __init__(self, presenter: ConvolutionPresenter) -> None:
        super().__init__()
        self._presenter = presenter
        self.steps: list[Step] = []

    def remember(self, text: str, before: Lab, after: Lab, gesture: Hashable) -> None:
        self.steps.append(Step(text, before, after, gesture))
        self._presenter.use(after)

    def undo(self) -> None:
        self._presenter.use(self.steps.pop().before)

    @contextmanager
    def keeping_focus(self) -> Iterator[None]:
        yield


class Bench:
    def __init__(self) -> None:
        self.session = Session(Settings())
        self.jobs = StandInJobs(self.session.publish)
        self.session.attach(self.jobs)  # type: ignore[arg-type]
        self.presenter = ConvolutionPresenter(self.session, self.jobs)  # type: ignore[arg-type]
        self.view = StandInView(self.presenter)
        self.presenter.attach(self.view)
        self.events: list[Any] = []
        self.session.subscribe(self.presenter.handle)
        self.session.subscribe(self.events.extend)

    @property
    def lab(self) -> Lab:
        return self.presenter.lab

    def open(self, start: str) -> Lab:
        self.presenter.open_preset(next(n for n, preset in enumerate(PRESETS) if preset.name.startswith(start)))
        return self.lab

    def answer(self, kind: str, result: Any = None, event: type = JobDone) -> None:
        """Ends the newest job of that kind that waits, without its work."""
        job = next(job for job in reversed(self.jobs.queue) if job.kind == kind and not job.cancelled)
        self.jobs.queue.remove(job)
        job.events.close()
        report = explain(SegbenchError("It broke.", "Mend it."))
        told = {
            JobDone: lambda: JobDone(job.number, kind, result),
            JobCancelled: lambda: JobCancelled(job.number, kind),
        }
        self.session.publish([told.get(event, lambda: JobFailed(job.number, kind, report))()])

    def open_checkpoint(
        self, path: str = "/runs/one/checkpoints/best.safetensors", classes: ClassTable = SHAPES
    ) -> None:
        info = CheckpointInfo(path, "munet", classes, "planes", 10, 1, 100, None, "hash")
        self.session.publish([JobDone(901, "open checkpoint", info)])

    def open_dataset(self, classes: ClassTable = SHAPES) -> None:
        self.session.publish([JobDone(900, "open dataset", Dataset.from_samples(build_samples(), classes, "shapes"))])

    @property
    def network(self) -> Any:
        return self.view.last("show_network")[0]

    @property
    def choices(self) -> list[str]:
        return [choice.title for choice in self.network.choices]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path))
    return Bench()


def build_layer(channels=(4, 3), size=(6, 5), **geometry: Any) -> OpenedLayer:
    drawn = np.random.default_rng(2)
    weight_IOHW = drawn.normal(size=(*channels, 3, 3)).astype(np.float32)
    x_IHW = drawn.normal(size=(channels[0], *size)).astype(np.float32)
    bias_O = drawn.normal(size=channels[1]).astype(np.float32)
    found = build_geometry(size, 3, **geometry)
    output_OHW = np.zeros((channels[1], *found.output), np.float32)
    return OpenedLayer("decoder.conv_out", found, weight_IOHW, bias_O, x_IHW, output_OHW)


def run_program(code: str) -> np.ndarray:
    room: dict[str, Any] = {"print": lambda *_: None}
    exec(code, room)
    return room["y"].numpy()


def test_that_the_presenter_imports_neither_qt_nor_torch() -> None:
    code = (
        "import sys, segbench.gui.panels.convolution.presenter;"
        "print([m for m in ('PySide6', 'torch', 'scipy', 'PIL') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


# What is shown ------------------------------------------------------------------------------------------------------------


def test_that_the_lab_is_shown_as_soon_as_there_is_a_view(bench: Bench) -> None:
    assert [name for name, _ in bench.view.calls] == ["show_lab", "show_operation"]
    assert bench.view.last("show_lab") == (bench.lab,)
    assert bench.jobs.started == []


@pytest.mark.parametrize("topic", TOPICS)
def test_that_only_the_page_in_front_is_made(bench: Bench, topic: Any) -> None:
    bench.presenter.set_topic("coverage" if topic != "coverage" else "operation")
    bench.view.calls.clear()
    bench.presenter.set_topic(topic)
    pages = {name for name, _ in bench.view.calls} & {*TOPICS.values(), "show_network"}
    assert pages == {TOPICS[topic]}
    assert bench.lab.topic == topic
    bench.view.calls.clear()
    bench.presenter.set_topic(topic)
    assert bench.view.calls == []


def test_that_going_to_a_page_or_a_pixel_is_nothing_to_undo(bench: Bench) -> None:
    bench.presenter.set_topic("matrix")
    bench.presenter.point(1, 1, True)
    bench.presenter.set_pair(0, 0)
    bench.presenter.set_summed(True)
    bench.presenter.set_look("letters", True)
    bench.presenter.set_atrous(replace(bench.lab.atrous, rate=3))
    assert bench.view.steps == []
    lab = bench.lab
    assert (lab.topic, lab.pointed, lab.of_input, lab.summed, lab.letters, lab.atrous.rate) == (
        "matrix", (1, 1), True, True, True, 3,
    )  # fmt: skip


@pytest.mark.parametrize(("field", "value"), [("layout", "kernel"), ("letters", True), ("drawn", True), ("back", True)])
def test_that_each_look_of_the_matrix_is_shown(bench: Bench, field: str, value: object) -> None:
    bench.presenter.set_topic("matrix")
    before = bench.view.count("show_matrix")
    bench.presenter.set_look(field, value)
    assert getattr(bench.lab, field) == value
    assert bench.view.count("show_matrix") == before + 1


def test_that_pointing_at_the_same_pixel_again_paints_nothing(bench: Bench) -> None:
    bench.presenter.point(2, 3, False)
    calls = len(bench.view.calls)
    bench.presenter.point(2, 3, False)
    assert len(bench.view.calls) == calls
    bench.presenter.point(2, 3, True)
    assert len(bench.view.calls) > calls


# Undo ---------------------------------------------------------------------------------------------------------------------


def repair(presenter: ConvolutionPresenter) -> None:
    presenter.take_repair(resolve_coverage(presenter.lab).repairs[0].repair)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda ask: ask.set_knob("kernel", 4), "Set kernel"),
        (lambda ask: ask.set_knob("output_padding", 1), "Set output padding"),
        (lambda ask: ask.set_kind(False), "Convolution"),
        (lambda ask: ask.set_values("random", 3), "Values"),
        (lambda ask: ask.edit("input", 1, 2, 40.0), "Edit the input"),
        (lambda ask: ask.edit("kernel", 1, 2, 40.0), "Edit the kernel"),
        (lambda ask: ask.open_preset(3), PRESETS[3].name),
        (lambda ask: ask.step_preset(1), PRESETS[0].name),
        (repair, "Repair"),
    ],
)
def test_that_a_change_is_one_step_that_can_be_undone(bench: Bench, change: Any, text: str) -> None:
    before = bench.lab
    change(bench.presenter)
    assert [step.text for step in bench.view.steps] == [text]
    assert bench.lab is not before
    bench.view.undo()
    assert bench.lab is before
    assert bench.view.last("show_lab") == (before,)


def test_that_what_changes_nothing_is_no_step(bench: Bench) -> None:
    lab = bench.lab
    bench.presenter.set_knob("kernel", lab.geometry.rows.kernel)
    bench.presenter.set_kind(lab.geometry.transposed)
    bench.presenter.set_values(lab.source, lab.seed)
    bench.presenter.edit("input", 0, 0, float(lab.x_HW[0, 0]))
    assert bench.view.steps == []
    assert bench.lab is lab


def test_that_one_drag_has_one_gesture(bench: Bench) -> None:
    for value in (5, 6, 7):
        bench.presenter.set_knob("height", value, ("knob", "height", 4))
    assert {step.gesture for step in bench.view.steps} == {("knob", "height", 4)}
    bench.presenter.set_kind(False)
    assert bench.view.steps[-1].gesture is None


def test_that_own_values_keep_the_numbers_on_screen(bench: Bench) -> None:
    operation = bench.lab.operation
    bench.presenter.set_values("own", bench.lab.seed)
    assert bench.lab.operation is operation
    assert bench.lab.source == "own"
    bench.presenter.set_knob("height", 6)
    assert bench.lab.x_HW[4:].tolist() == operation.x_IHW[0, :2].tolist()


def test_that_a_misfit_is_shown_and_can_be_left_again(bench: Bench) -> None:
    bench.open("Slide 54")
    bench.presenter.set_knob("padding", 2)
    assert bench.view.last("show_operation")[0].problem[1].startswith("Set padding to 1 or less")
    for ask in (bench.presenter.prove, lambda: bench.presenter.step(1)):
        ask()
    assert bench.jobs.started == []
    bench.presenter.set_knob("padding", 1)
    assert bench.view.last("show_operation")[0].problem is None


# Examples -----------------------------------------------------------------------------------------------------------------


def test_that_examples_are_stepped_through_in_a_circle(bench: Bench) -> None:
    assert bench.presenter.find_preset() is None
    seen = []
    for _ in PRESETS:
        bench.presenter.step_preset(1)
        seen.append(bench.presenter.find_preset())
    assert seen == list(range(len(PRESETS)))
    bench.presenter.step_preset(1)
    assert bench.presenter.find_preset() == 0
    bench.presenter.step_preset(-1)
    assert bench.presenter.find_preset() == len(PRESETS) - 1


def test_that_a_changed_example_is_no_example_any_more(bench: Bench) -> None:
    bench.open("Slides 56")
    bench.presenter.point(2, 2, False)
    assert bench.presenter.find_preset() is not None
    bench.presenter.set_knob("stride", 3)
    assert bench.presenter.find_preset() is None
    bench.view.undo()
    assert bench.presenter.find_preset() is not None
    bench.presenter.set_knob("stride", 3)
    bench.presenter.step_preset(-1)
    assert bench.presenter.find_preset() == 0


def test_that_an_examples_numbers_can_be_kept_as_ones_own(bench: Bench) -> None:
    operation = bench.open("Slides 56").operation
    bench.presenter.keep_own()
    assert bench.presenter.find_preset() is None
    assert bench.lab.operation is operation
    assert (bench.lab.name, bench.lab.note, bench.lab.source) == ("", "", "own")
    assert bench.view.steps[-1].text == "Own numbers"
    bench.presenter.keep_own()
    assert len(bench.view.steps) == 2
    bench.view.undo()
    assert bench.presenter.find_preset() is not None


# The film -----------------------------------------------------------------------------------------------------------------


def test_that_the_film_goes_row_by_row_and_begins_again(bench: Bench) -> None:
    bench.open("Slides 30")
    assert bench.lab.pointed == (0, 0)
    seen = []
    for _ in range(5):
        bench.presenter.step(1)
        seen.append(bench.lab.pointed)
    assert seen == [(0, 1), (1, 0), (1, 1), (0, 0), (0, 1)]
    for _ in range(2):
        bench.presenter.step(-1)
    assert bench.lab.pointed == (1, 1)
    assert bench.view.steps[1:] == []


@pytest.mark.parametrize("changes", [{"pointed": None}, {"pointed": (1, 1), "of_input": True}])
def test_that_the_film_begins_with_the_first_pixel_and_backwards_with_the_last(bench: Bench, changes: Any) -> None:
    lab = replace(bench.open("Slides 30"), **changes)
    bench.presenter.use(lab)
    bench.presenter.step(1)
    assert (bench.lab.pointed, bench.lab.of_input) == ((0, 0), False)
    bench.presenter.use(lab)
    bench.presenter.step(-1)
    assert (bench.lab.pointed, bench.lab.of_input) == ((1, 1), False)


def test_that_the_film_finds_its_way_back_into_a_smaller_output(bench: Bench) -> None:
    bench.presenter.use(replace(bench.open("Slides 30"), pointed=(30, 30)))
    bench.presenter.step(1)
    assert bench.lab.pointed == (0, 0)


# The proof ----------------------------------------------------------------------------------------------------------------


def prove(bench: Bench) -> None:
    bench.presenter.set_topic("matrix")
    bench.presenter.prove()


def test_that_torch_is_asked_in_a_job_and_answers_on_the_page(bench: Bench) -> None:
    prove(bench)
    assert bench.jobs.kinds() == ["prove"]
    assert bench.jobs.queue[0].options["lane"] == "io"
    assert bench.view.last("show_proof") == (None, True)
    bench.jobs.run()
    proof, busy = bench.view.last("show_proof")
    assert not busy
    assert proof.agrees


@pytest.mark.parametrize("change", [
    lambda ask: ask.set_knob("kernel", 2),
    lambda ask: ask.edit("input", 0, 0, 9.0),
    lambda ask: ask.open_preset(0),
])  # fmt: skip
def test_that_a_proof_of_other_numbers_is_not_shown(bench: Bench, change: Any) -> None:
    prove(bench)
    bench.presenter.set_topic("operation")
    change(bench.presenter)
    bench.answer("prove", PROOF)
    assert bench.view.last("show_proof") == (None, False)


def test_that_a_proof_goes_when_the_numbers_change_and_stays_when_they_do_not(bench: Bench) -> None:
    prove(bench)
    bench.answer("prove", PROOF)
    bench.presenter.set_look("letters", True)
    bench.presenter.point(1, 1, False)
    bench.presenter.set_topic("coverage")
    bench.presenter.set_topic("matrix")
    assert bench.view.last("show_proof") == (PROOF, False)
    bench.presenter.set_knob("stride", 3)
    assert bench.view.last("show_proof") == (None, False)
    bench.view.undo()
    assert bench.view.last("show_proof") == (None, False)


def test_that_a_proof_is_of_the_channels_looked_at(bench: Bench) -> None:
    bench.open("Slides 60")
    prove(bench)
    bench.answer("prove", PROOF)
    assert bench.view.last("show_proof") == (PROOF, False)
    bench.presenter.set_pair(1, 0)
    assert bench.view.last("show_proof") == (None, False)
    bench.presenter.prove()
    bench.presenter.set_pair(0, 0)
    bench.answer("prove", PROOF)
    assert bench.view.last("show_proof") == (None, False)


@pytest.mark.parametrize("end", [JobFailed, JobCancelled])
def test_that_a_proof_that_came_to_nothing_can_be_asked_for_again(bench: Bench, end: type) -> None:
    prove(bench)
    bench.answer("prove", event=end)
    assert bench.view.last("show_proof") == (None, False)
    bench.presenter.prove()
    bench.answer("prove", PROOF)
    assert bench.view.last("show_proof") == (PROOF, False)


def test_that_the_answer_to_an_older_question_is_not_taken(bench: Bench) -> None:
    prove(bench)
    (old,) = bench.jobs.queue
    bench.presenter.prove()
    bench.session.publish([JobDone(old.number, "prove", PROOF)])
    assert bench.view.last("show_proof") == (None, True)
    bench.session.publish([JobCancelled(old.number, "prove")])
    assert bench.view.last("show_proof") == (None, True)


# Code and pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["Slides 30", "Slide 48", "Slides 60", "The repaired", "Slides 44"])
def test_that_the_code_gives_what_is_on_screen(bench: Bench, start: str) -> None:
    bench.open(start)
    bench.presenter.set_topic("operation")
    shown = bench.view.last("show_operation")[0].output.cells.values
    np.testing.assert_allclose(run_program(bench.presenter.write_code())[0, bench.lab.pair[1]], shown, atol=1e-4)


def test_that_the_code_of_one_channel_looked_at_alone_is_that_of_the_pair(bench: Bench) -> None:
    bench.open("Slides 60")
    bench.presenter.set_pair(1, 0)
    bench.presenter.set_summed(False)
    shown = bench.view.last("show_operation")[0].output.cells.values
    y = run_program(bench.presenter.write_code())
    assert y.shape == (1, 1, 7, 7)
    np.testing.assert_allclose(y[0, 0], shown, atol=1e-6)


def test_that_the_code_of_a_large_layer_falls_back_to_the_channels_looked_at(bench: Bench) -> None:
    layer = build_layer(channels=(40, 8), size=(8, 8), padding=1)
    assert layer.input_IHW.size + layer.weight_IOHW.size > MOST_NUMBERS_IN_CODE
    bench.session.publish([JobDone(1, "open layer", layer)])
    bench.presenter.set_pair(7, 5)
    code = bench.presenter.write_code()
    assert "nn.Conv2d(1, 1, 3, padding=1, bias=False)" in code
    y = run_program(code)
    np.testing.assert_allclose(y[0, 0], bench.lab.operation.compute_pair(7, 5), atol=1e-5)


def test_that_the_code_of_a_small_layer_is_the_whole_layer(bench: Bench) -> None:
    layer = build_layer(channels=(2, 3), size=(4, 4))
    bench.session.publish([JobDone(1, "open layer", layer)])
    assert bench.presenter.write_code() == write_code(bench.lab.operation)
    np.testing.assert_allclose(
        run_program(bench.presenter.write_code())[0],
        [bench.lab.operation.compute_channel(o) for o in range(3)],
        atol=1e-5,
    )


def test_that_pictures_and_films_are_written_by_jobs(bench: Bench, tmp_path: Path) -> None:
    bench.presenter.save_file(str(tmp_path / "lab.png"), b"a picture")

    def draw() -> Any:
        yield Progressed("drawing", 0, 1)
        return tmp_path

    bench.presenter.save_film(draw())
    assert [job.options["title"] for job in bench.jobs.queue] == ["Saving a picture", "Drawing the film"]
    assert {job.options["lane"] for job in bench.jobs.queue} == {"io"}
    assert not (tmp_path / "lab.png").exists()
    bench.jobs.run()
    assert (tmp_path / "lab.png").read_bytes() == b"a picture"
    assert [e.result for e in bench.events if isinstance(e, JobDone)] == [tmp_path / "lab.png", tmp_path]
    assert [told for name, told in bench.view.calls if name == "show_news"] == [
        (f"Saved {tmp_path / 'lab.png'}",), (f"Saved {tmp_path}",),
    ]  # fmt: skip


# Repairs ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1, 2])
def test_that_a_repair_takes_the_place_of_the_operation_on_the_coverage_page(bench: Bench, place: int) -> None:
    bench.open("mUnet")
    wanted = bench.view.last("show_coverage")[0].repairs[place]
    bench.presenter.take_repair(wanted.repair)
    lab = bench.lab
    assert lab.geometry == wanted.repair.geometry
    assert lab.operation.x_IHW.shape == (1, *lab.geometry.size)
    assert lab.operation.weight_IOHW.shape == (1, 1, *lab.geometry.kernel)
    assert (lab.topic, lab.name) == ("coverage", "")
    shown = bench.view.last("show_coverage")[0]
    assert shown.coverage == wanted.coverage
    if wanted.repair.resized:
        assert lab.note == "The input is the former one, enlarged to 64 × 64 (each pixel repeated)."
    else:
        assert shown.verdict == wanted.verdict
    bench.view.undo()
    assert bench.presenter.find_preset() is not None
    assert bench.view.last("show_coverage")[0].coverage == "holes"


def test_that_a_resized_input_is_the_operations_own_enlarged(bench: Bench) -> None:
    bench.presenter.edit("input", 0, 0, 100.0)
    bench.presenter.set_knob("output_padding", 1)
    before = bench.lab.x_HW
    bench.presenter.take_repair(next(r for r in resolve_coverage(bench.lab).repairs if r.repair.resized).repair)
    assert bench.lab.x_HW.tolist() == np.repeat(np.repeat(before, 2, 0), 2, 1).tolist()


def test_that_a_repaired_layer_has_one_channel_each(bench: Bench) -> None:
    layer = build_layer(channels=(4, 3), stride=2, padding=2, dilation=2, output_padding=1, transposed=True)
    bench.session.publish([JobDone(1, "open layer", layer)])
    bench.presenter.set_pair(3, 2)
    bench.presenter.set_topic("coverage")
    bench.presenter.set_knob("height", 7)
    bench.presenter.take_repair(bench.view.last("show_coverage")[0].repairs[1].repair)
    assert bench.lab.geometry.kernel == (4, 4)
    assert bench.lab.operation.channels == (1, 1)
    assert bench.lab.operation.x_IHW.shape == (1, 7, 5)
    assert (bench.lab.pair, bench.lab.summed) == ((0, 0), False)
    assert bench.lab.operation.bias_O.tolist() == [0]
    bench.presenter.set_topic("operation")
    assert bench.view.last("show_operation")[0].problem is None


# Networks -----------------------------------------------------------------------------------------------------------------


def go_to_network(bench: Bench) -> None:
    bench.presenter.set_active(True)
    bench.presenter.set_topic("network")


def test_that_layers_are_listed_only_for_people_who_look(bench: Bench) -> None:
    bench.presenter.set_topic("network")
    assert bench.jobs.started == []
    bench.presenter.set_active(True)
    assert bench.jobs.kinds() == ["list layers"]
    bench.presenter.set_active(False)
    bench.presenter.set_active(True)
    bench.presenter.set_topic("operation")
    bench.presenter.set_topic("network")
    assert bench.jobs.started == ["list layers"]
    assert (bench.network.summary, bench.network.busy) == (None, True)
    bench.answer("list layers", SUMMARY)
    assert (bench.network.summary, bench.network.busy) == (SUMMARY, False)


def test_that_each_networks_of_the_presets_is_offered_once(bench: Bench) -> None:
    go_to_network(bench)
    settings = [choice.settings for choice in bench.network.choices]
    assert all(settings.count(preset.config.network) == 1 for preset in find_presets())
    assert bench.network.place == 0
    assert {choice.classes for choice in bench.network.choices} == {5}


@pytest.mark.parametrize("end", [JobFailed, JobCancelled])
def test_that_a_table_that_came_to_nothing_is_not_waited_for(bench: Bench, end: type) -> None:
    go_to_network(bench)
    bench.answer("list layers", event=end)
    assert (bench.network.summary, bench.network.busy) == (None, False)
    assert bench.jobs.started == ["list layers"]


def test_that_another_network_or_size_gets_its_own_table(bench: Bench) -> None:
    go_to_network(bench)
    bench.answer("list layers", SUMMARY)
    bench.presenter.choose_network(1)
    assert (bench.network.place, bench.network.summary, bench.network.busy) == (1, None, True)
    bench.answer("list layers", SUMMARY)
    bench.presenter.set_network_size(128, 96)
    assert (bench.network.size, bench.network.summary, bench.network.busy) == ((128, 96), None, True)
    bench.presenter.set_network_size(128, 96)
    assert bench.jobs.started == ["list layers"] * 3


def test_that_the_table_of_a_network_left_meanwhile_is_not_shown(bench: Bench) -> None:
    go_to_network(bench)
    (first,) = bench.jobs.queue
    bench.presenter.choose_network(1)
    bench.session.publish([JobDone(first.number, "list layers", SUMMARY)])
    assert bench.network.summary is None
    other = NetworkSummary("other", (64, 64), (), 7, 0, 100)
    bench.answer("list layers", other)
    assert bench.network.summary is other


def test_that_the_open_checkpoint_comes_first_and_goes_when_it_is_closed(bench: Bench) -> None:
    go_to_network(bench)
    before = bench.choices
    bench.open_checkpoint()
    assert bench.choices == ["Checkpoint one (best)", *before]
    assert bench.network.place == 0
    assert bench.jobs.queue[-1].kind == "list layers"
    bench.session.checkpoint = None
    bench.session.publish([CheckpointClosed()])
    assert bench.choices == before


def test_that_a_checkpoint_does_not_take_the_chosen_network_away(bench: Bench) -> None:
    go_to_network(bench)
    bench.presenter.choose_network(1)
    chosen = bench.choices[1]
    bench.open_checkpoint()
    assert bench.choices[bench.network.place] == chosen


def test_that_a_dataset_sets_size_and_classes_and_leaves_the_choice(bench: Bench) -> None:
    go_to_network(bench)
    bench.presenter.choose_network(1)
    chosen = bench.choices[1]
    bench.open_dataset(ClassTable(tuple(ClassInfo(f"class {k}", (k, 0, 0), 0) for k in range(7)), exclusive=False))
    assert bench.network.size == (8, 8)
    assert {choice.classes for choice in bench.network.choices} == {7}
    assert bench.choices[bench.network.place] == chosen
    bench.session.close_dataset()
    assert bench.network.size == (64, 64)
    assert {choice.classes for choice in bench.network.choices} == {5}
    assert bench.choices[bench.network.place] == chosen


def test_that_a_typed_size_outlives_the_dataset(bench: Bench) -> None:
    go_to_network(bench)
    bench.presenter.set_network_size(48, 32)
    bench.open_dataset()
    assert bench.network.size == (48, 32)


@pytest.mark.parametrize(
    ("request_", "title"),
    [
        (LayersRequested(path="/runs/two/checkpoints/last.safetensors"), "Checkpoint two (last)"),
        (LayersRequested(settings=find_preset("lecture").config.network), "The training page's network"),
    ],
)
def test_that_another_panels_network_is_shown_on_the_network_page(bench: Bench, request_: Any, title: str) -> None:
    bench.session.publish([request_])
    assert bench.lab.topic == "network"
    assert [e.page for e in bench.events if isinstance(e, PageRequested)] == ["convolution"]
    assert bench.jobs.started == []  # the page comes into view behind it
    bench.presenter.set_active(True)
    assert bench.choices[bench.network.place] == title
    assert bench.jobs.kinds() == ["list layers"]
    assert bench.view.steps == []


def test_that_a_checkpoint_asked_for_and_open_is_offered_once(bench: Bench) -> None:
    bench.open_checkpoint()
    bench.session.publish([LayersRequested(path="/runs/one/checkpoints/best.safetensors")])
    assert bench.choices.count("Checkpoint one (best)") == 1


def test_that_events_of_no_concern_list_nothing(bench: Bench) -> None:
    bench.open_dataset()
    bench.open_checkpoint()
    bench.presenter.set_active(True)
    assert bench.jobs.started == []
    calls = len(bench.view.calls)
    bench.session.publish([SampleSelected(1), JobDone(5, "scan", None), JobFailed(6, "scan", explain(ValueError()))])
    assert len(bench.view.calls) == calls


# Layers -------------------------------------------------------------------------------------------------------------------


def test_that_a_layer_opens_on_the_operation_page_with_its_own_numbers(bench: Bench) -> None:
    go_to_network(bench)
    bench.presenter.open_layer("decoder.conv_out")
    assert bench.jobs.queue[-1].options["title"] == "Opening decoder.conv_out"
    layer = build_layer(channels=(4, 3), stride=2, padding=1, output_padding=1, transposed=True)
    bench.answer("open layer", layer)
    lab = bench.lab
    assert (lab.topic, lab.name, lab.summed, lab.pointed, lab.source) == (
        "operation", "decoder.conv_out", True, (0, 0), "own",
    )  # fmt: skip
    assert lab.geometry == layer.geometry
    np.testing.assert_array_equal(lab.operation.x_IHW, layer.input_IHW)
    np.testing.assert_array_equal(lab.operation.weight_IOHW, layer.weight_IOHW)
    np.testing.assert_array_equal(lab.operation.bias_O, layer.bias_O)
    assert lab.operation.x_IHW.dtype == np.float64
    assert [step.text for step in bench.view.steps] == ["Open decoder.conv_out"]
    bench.presenter.edit("kernel", 0, 0, 1.0)  # a layer's arrays are read-only, the lab's are not
    bench.view.undo()
    bench.view.undo()
    assert bench.lab.topic == "network"


def test_that_a_layers_note_says_whose_kernel_and_whose_picture_it_is(bench: Bench) -> None:
    go_to_network(bench)
    bench.presenter.open_layer("conv_out")
    bench.answer("open layer", build_layer())
    assert bench.lab.note == (
        "Its kernel as it is drawn at the start, untrained, and what really enters it for a generated picture of shapes."
    )
    bench.open_dataset()
    bench.open_checkpoint()
    bench.presenter.set_topic("network")
    bench.presenter.choose_network(0)
    bench.presenter.open_layer("conv_out")
    bench.answer("open layer", build_layer())
    assert bench.lab.note == "Its trained kernel, and what really enters it for the sample on screen."


def test_that_a_layer_is_opened_for_the_sample_on_screen(bench: Bench) -> None:
    bench.open_dataset()
    bench.session.select_sample(4)
    go_to_network(bench)
    bench.presenter.open_layer("conv_out")
    job = next(job for job in bench.jobs.queue if job.kind == "open layer")
    told = job.events.gi_frame.f_locals
    assert (told["source"], told["index"], told["layer"]) == (bench.session.dataset, 4, "conv_out")
    assert told["inspected"] == bench.network.choices[bench.network.place]


def test_that_only_the_layer_asked_for_last_opens(bench: Bench) -> None:
    go_to_network(bench)
    bench.presenter.open_layer("one")
    bench.presenter.open_layer("two")
    assert [job.options["title"] for job in bench.jobs.queue if job.kind == "open layer" and not job.cancelled] == [
        "Opening two"
    ]


def test_that_a_layer_that_cannot_be_opened_leaves_the_lab_as_it_was(bench: Bench) -> None:
    go_to_network(bench)
    before = bench.lab
    bench.presenter.open_layer("conv_out")
    bench.answer("open layer", event=JobFailed)
    assert bench.lab is before
    assert bench.view.steps == []


def test_that_a_knob_turned_in_a_layer_keeps_its_channels(bench: Bench) -> None:
    layer = build_layer(channels=(4, 3))
    bench.session.publish([JobDone(1, "open layer", layer)])
    wanted = change_geometry(bench.lab, set_knob(bench.lab.geometry, "stride", 2))
    bench.presenter.set_knob("stride", 2)
    assert bench.lab.geometry == wanted.geometry
    assert bench.lab.operation.channels == (4, 3)
    assert bench.view.last("show_operation")[0].problem is None


def test_that_an_operation_of_many_channels_is_proved_for_one_pair(bench: Bench) -> None:
    geometry = build_geometry(3, 2)
    bench.presenter.use(
        Lab(Operation(geometry, np.ones((2, 3, 3)), np.ones((2, 2, 2, 2)), np.ones(2)), topic="matrix", pair=(1, 1))
    )
    bench.presenter.prove()
    assert bench.jobs.queue[0].events.gi_frame.f_locals["pair"] == (1, 1)
    bench.jobs.run()
    assert bench.view.last("show_proof")[0].forward.largest_value == pytest.approx(4)
