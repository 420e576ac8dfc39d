"""What the dataset panel decides, with a fake view and jobs that run when the test says so. No Qt."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from typing import Any

import numpy as np
import pytest

from segbench.data.dataset import Dataset
from segbench.errors import SegbenchError
from segbench.events import JobCancelled, JobDone, JobEvent, JobStarted
from segbench.gui.panels.dataset.facts import Facts, count_pixels
from segbench.gui.panels.dataset.filters import Filter
from segbench.gui.panels.dataset.presenter import DatasetPresenter
from segbench.gui.session import Session
from segbench.records import IGNORE, ClassInfo, ClassTable, Sample
from segbench.settings import Settings

CLASSES = ClassTable((ClassInfo("a", (255, 0, 0)), ClassInfo("b", (0, 255, 0)), ClassInfo("c", (0, 0, 255))), False)


def make_sample(index: int, present: tuple[int, ...], split: str = "train", name: str = "") -> Sample:
    """8 x 8 with one 2 x 2 object a class that is present."""
    masks = np.zeros((3, 8, 8), bool)
    boxes = []
    for k in present:
        masks[k, 3 * (k % 2) : 3 * (k % 2) + 2, 3 * (k // 2) : 3 * (k // 2) + 2] = True
        boxes.append((k, (3 * (k // 2), 3 * (k % 2), 3 * (k // 2) + 1, 3 * (k % 2) + 1)))
    return Sample(index, name or f"{index:03}", split, np.full((8, 8, 3), index, np.uint8), masks, tuple(boxes))


def make_dataset(count: int = 12, classes: ClassTable | None = CLASSES) -> Dataset:
    """Sample i has class i % 3, every fourth all classes; the last quarter is the test split."""
    samples = [
        make_sample(i, (0, 1, 2) if i % 4 == 0 else (i % 3,), "test" if i >= count * 3 // 4 else "train")
        for i in range(count)
    ]
    return Dataset.from_samples(samples, classes, "made up")


class FakeJob:
    def __init__(self, number: int, kind: str, events: Generator[Any, None, Any]) -> None:
        self.number, self.kind, self.events = number, kind, events
        self.cancelled = self.begun = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeJobs:
    """Keeps jobs until the test pulls them."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self._numbers = itertools.count(1)
        self.waiting: list[FakeJob] = []

    def start(self, kind: str, events: Any, *, newest_wins: bool = False, **_: Any) -> FakeJob:
        if newest_wins:
            for job in self.waiting:
                if job.kind == kind:
                    job.cancel()
        self.waiting.append(FakeJob(next(self._numbers), kind, events))
        return self.waiting[-1]

    def jobs(self) -> list[FakeJob]:
        return list(self.waiting)

    def kinds(self) -> list[str]:
        return [job.kind for job in self.waiting if not job.cancelled]

    def pull(self, kind: str) -> None:
        """One step of the first job of a kind that was not cancelled."""
        assert self.session is not None
        job = next(job for job in self.waiting if job.kind == kind and not job.cancelled)
        try:
            event = next(job.events)
        except StopIteration as stop:
            self.waiting.remove(job)
            self.session.publish([JobDone(job.number, job.kind, stop.value)])
        else:
            self.session.publish([JobEvent(job.number, job.kind, event)])

    def run(self, *kinds: str) -> None:
        """All jobs to their end, in order; with kinds: only those."""
        assert self.session is not None
        while jobs := [job for job in self.waiting if not kinds or job.kind in kinds]:
            job = jobs[0]
            if job.cancelled:
                self.waiting.remove(job)
                job.events.close()
                self.session.publish([JobCancelled(job.number, job.kind)])
                continue
            if not job.begun:
                job.begun = True
                self.session.publish([JobStarted(job.number, job.kind, "")])
            try:
                event = next(job.events)
            except StopIteration as stop:
                self.waiting.remove(job)
                self.session.publish([JobDone(job.number, job.kind, stop.value)])
            else:
                self.session.publish([JobEvent(job.number, job.kind, event)])


class FakeView:
    """Keeps the last of everything shown, and the samples in order."""

    def __init__(self) -> None:
        self.samples: list[int] = []
        self.problems: list[Any] = []
        self.thumbnails: list[int] = []
        self.pixels: tuple[int, ...] = ()
        self.last: dict[str, Any] = {}

    def show_nothing(self) -> None:
        self.last = {"nothing": True}

    def show_sample(self, looked: Any, classes: Any) -> None:
        self.samples.append(looked.sample.index)
        self.pixels = looked.pixels

    def show_problem(self, problem: Any) -> None:
        self.problems.append(problem)

    def show_thumbnails(self, thumbnails: Any) -> None:
        self.thumbnails += [index for index, _ in thumbnails]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("show_"):
            raise AttributeError(name)
        return lambda *values: self.last.__setitem__(
            name.removeprefix("show_"), values if len(values) > 1 else values[0]
        )

    def listed(self) -> list[int]:
        return list(self.last["list"][0])


class Bench:
    def __init__(self) -> None:
        self.session = Session(Settings())
        self.jobs = FakeJobs()
        self.jobs.session = self.session
        self.view = FakeView()
        self.presenter = DatasetPresenter(self.session, self.jobs)  # type: ignore[arg-type]
        self.presenter.attach(self.view)  # type: ignore[arg-type]
        self.session.subscribe(self.presenter.handle)

    def open(self, dataset: Dataset) -> None:
        self.session.publish([JobDone(0, "open dataset", dataset)])


@pytest.fixture
def bench(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("SEGBENCH_HOME", str(tmp_path))
    return Bench()


@pytest.fixture
def opened(bench: Bench) -> Bench:
    """Twelve samples, all counted."""
    bench.open(make_dataset())
    bench.jobs.run()
    return bench


def test_that_nothing_is_shown_before_a_dataset_is_open(bench: Bench) -> None:
    assert bench.view.last == {"nothing": True}
    bench.presenter.step(1)
    bench.presenter.toggle_pin()
    bench.presenter.start_scan()
    bench.presenter.set_filter(Filter(text="x"))
    assert bench.jobs.waiting == []


def test_that_opening_lists_all_samples_and_shows_the_first(opened: Bench) -> None:
    assert opened.view.listed() == list(range(12))
    assert opened.view.samples == [0]
    assert opened.view.pixels == (4, 4, 4)


def test_that_an_empty_dataset_opens_without_a_sample(bench: Bench) -> None:
    bench.open(Dataset.from_samples([], CLASSES, "empty"))
    bench.jobs.run()
    assert bench.view.listed() == []
    assert bench.view.samples == []
    bench.presenter.step(1)
    bench.presenter.go_to_end(True)


def test_that_steps_stay_inside_the_list(opened: Bench) -> None:
    opened.presenter.step(-1)
    assert opened.session.sample == 0
    opened.presenter.go_to_end(True)
    assert opened.session.sample == 11
    opened.presenter.step(5)
    assert opened.session.sample == 11
    opened.presenter.step(-2)
    assert opened.session.sample == 9


def test_that_only_the_newest_of_several_samples_asked_for_is_shown(opened: Bench) -> None:
    for _ in range(4):
        opened.presenter.step(1)
    opened.jobs.run()
    assert opened.view.samples == [0, 4]


def test_that_samples_go_by_while_a_key_is_held_down(opened: Bench) -> None:
    for _ in range(3):
        opened.presenter.step(1)
        job = next(job for job in opened.jobs.waiting if job.kind == "read sample" and not job.cancelled)
        opened.presenter.step(1)  # the next key press comes before the result, while the read can no longer be stopped
        job.cancelled = False
        opened.jobs.pull("read sample")
    assert opened.view.samples == [0, 1, 3, 5]
    opened.jobs.run()
    assert opened.view.samples[-1] == 6


def test_that_a_sample_is_read_once_however_often_it_is_selected(opened: Bench) -> None:
    opened.session.select_sample(3)
    opened.session.select_sample(3)
    assert opened.jobs.kinds() == ["read sample"]
    opened.jobs.run()
    opened.session.select_sample(3)
    assert opened.jobs.kinds() == []


def test_that_going_back_while_another_is_read_shows_the_first_again(opened: Bench) -> None:
    opened.session.select_sample(3)
    opened.session.select_sample(0)
    opened.jobs.run()
    assert opened.view.samples[-1] == 0


def test_that_a_broken_sample_is_told_of_and_can_be_stepped_over(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make_dataset()
    read = dataset.read

    def read_some(index: int) -> Sample:
        if index == 1:
            raise SegbenchError("001.png is cut short.", "Copy it again.")
        return read(index)

    monkeypatch.setattr(dataset, "read", read_some)
    bench.open(dataset)
    bench.jobs.run()
    bench.presenter.step(1)
    bench.jobs.run()
    assert [(p.index, p.message) for p in bench.view.problems] == [(1, "001.png is cut short.")]
    bench.presenter.step(1)
    bench.jobs.run()
    assert bench.view.samples == [0, 2]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(classes=frozenset({1})), [0, 1, 4, 7, 8, 10]),
        (Filter(classes=frozenset({1, 2})), [0, 1, 2, 4, 5, 7, 8, 10, 11]),
        (Filter(fewest=2), [0, 4, 8]),
        (Filter(most=1), [1, 2, 3, 5, 6, 7, 9, 10, 11]),
        (Filter(split="test"), [9, 10, 11]),
        (Filter(text="01"), [1, 10, 11]),
        (Filter(split="test", classes=frozenset({1})), [10]),
        (Filter(sort="most objects", most=3), [0, 4, 8, 1, 2, 3, 5, 6, 7, 9, 10, 11]),
        (Filter(sort="least covered"), [1, 2, 3, 5, 6, 7, 9, 10, 11, 0, 4, 8]),
        (Filter(fewest=9), []),
    ],
)  # fmt: skip
def test_that_a_filter_lists_what_passes_in_its_order(opened: Bench, wanted: Filter, found: list[int]) -> None:
    opened.presenter.set_filter(wanted)
    assert opened.view.listed() == found
    assert opened.view.last["filter"] == wanted


def test_that_names_sort_by_their_numbers() -> None:
    names = ["b 10", "b 9", "a", "b 1"]
    samples = [make_sample(i, (0,), name=name) for i, name in enumerate(names)]
    facts = Facts(Dataset.from_samples(samples, CLASSES, "named"))
    assert facts.find(Filter(sort="name")) == [2, 3, 1, 0]


def test_that_stepping_from_a_sample_that_is_filtered_out_goes_to_its_neighbour_in_the_list(opened: Bench) -> None:
    opened.session.select_sample(5)
    opened.presenter.set_filter(Filter(fewest=2))  # 0, 4, 8
    place, _pinned = opened.view.last["place"]
    assert (place.index, place.row, place.shown) == (5, -1, 3)
    opened.presenter.step(1)
    assert opened.session.sample == 8
    opened.session.select_sample(5)
    opened.presenter.step(-1)
    assert opened.session.sample == 4


def test_that_a_filter_by_content_waits_for_the_scan_and_says_so(bench: Bench) -> None:
    bench.open(make_dataset())
    bench.jobs.run("read sample")
    bench.presenter.set_filter(Filter(classes=frozenset({1})))
    assert bench.view.listed() == []
    state = bench.view.last["scan"]
    assert (state.done, state.total, state.running, state.needed) == (0, 12, True, True)
    bench.jobs.run()
    assert bench.view.listed() == [0, 1, 4, 7, 8, 10]
    assert not bench.view.last["scan"].needed


def test_that_a_scan_tells_the_classes_of_each_sample(opened: Bench) -> None:
    lookups = opened.view.last["dataset"][1]
    assert lookups.classes_of(0) == (0, 1, 2)
    assert lookups.classes_of(5) == (2,)
    stats = opened.view.last["statistics"][0]
    assert [c.objects for c in stats.classes] == [6, 6, 6]


def test_that_headers_answer_without_a_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make_dataset()
    monkeypatch.setattr(dataset, "objects", lambda index: np.array([index % 2, 1, 0], np.int32))
    facts = Facts(dataset)
    assert facts.read_headers()
    assert facts.complete
    assert facts.scanned == 0
    assert facts.find(Filter(classes=frozenset({0}))) == [1, 3, 5, 7, 9, 11]
    assert facts.classes_of(1) == (0, 1)


def test_that_a_scan_makes_way_for_another_dataset_and_goes_on_afterwards(bench: Bench) -> None:
    bench.open(make_dataset())
    bench.jobs.run("read sample")
    bench.jobs.pull("scan")  # counted, but for the word that it is done
    done: list[int] = []

    def list_runs() -> Generator[Any, None, list[Any]]:
        yield from ()
        done.append(bench.view.last["scan"].done)
        return []

    bench.jobs.start("list runs", list_runs())
    bench.presenter._show_scan()  # as the next batch of events would
    bench.jobs.pull("scan")
    assert [job.kind for job in bench.jobs.waiting] == ["list runs", "scan"]
    bench.jobs.run()
    assert done
    assert bench.view.last["statistics"][0].images == 12


def test_that_a_stopped_scan_can_be_started_again(bench: Bench) -> None:
    bench.open(make_dataset())
    bench.presenter.stop_scan()
    bench.jobs.run()
    assert not bench.view.last["scan"].running
    assert bench.view.last["scan"].done == 0
    bench.presenter.start_scan()
    bench.jobs.run()
    assert bench.view.last["scan"].done == 12
    bench.presenter.start_scan()
    assert bench.jobs.kinds() == []


def test_that_a_dataset_of_images_alone_is_not_scanned(bench: Bench) -> None:
    images = [Sample(i, str(i), "all", np.zeros((4, 4, 3), np.uint8), None) for i in range(3)]
    bench.open(Dataset.from_samples(images, None, "images"))
    assert bench.jobs.kinds() == ["read sample"]
    bench.jobs.run()
    assert bench.view.samples == [0]
    assert bench.view.pixels == ()


def test_that_thumbnails_come_in_the_order_asked_for_and_after_the_sample(bench: Bench) -> None:
    bench.open(make_dataset())
    bench.presenter.want_thumbnails([5, 6, 4], 32)
    assert "thumbnails" not in bench.jobs.kinds()
    bench.jobs.run("read sample")
    assert "thumbnails" in bench.jobs.kinds()
    bench.jobs.run()
    assert bench.view.thumbnails == [5, 6, 4]


def test_that_only_missing_thumbnails_are_made_after_a_sample_came_between(opened: Bench) -> None:
    opened.presenter.want_thumbnails(list(range(8)), 16)
    opened.jobs.pull("thumbnails")
    before = list(opened.view.thumbnails)
    opened.presenter.step(1)
    assert opened.jobs.kinds() == ["read sample"]
    opened.jobs.run()
    assert 0 < len(before) < 8
    assert opened.view.thumbnails == list(range(8))


def test_that_the_last_datasets_thumbnails_samples_and_filter_are_dropped_when_another_opens(opened: Bench) -> None:
    opened.presenter.want_thumbnails([3], 16)
    opened.session.select_sample(7)
    opened.presenter.set_filter(Filter(fewest=2))
    opened.open(make_dataset(4))
    opened.jobs.run()
    assert opened.view.thumbnails == []
    assert opened.view.samples == [0, 0]
    assert opened.view.listed() == [0, 1, 2, 3]
    assert opened.view.last["filter"] == Filter()


def test_that_closing_shows_nothing_and_stops_all_work(bench: Bench) -> None:
    bench.open(make_dataset())
    bench.session.close_dataset()
    bench.jobs.run()
    assert bench.view.last == {"nothing": True}
    assert bench.view.samples == []


def test_that_a_pin_goes_on_and_off_and_can_be_filtered_for(opened: Bench) -> None:
    opened.session.select_sample(4)
    opened.presenter.toggle_pin()
    opened.session.select_sample(2)
    opened.presenter.toggle_pin()
    assert opened.session.pins.indices == (4, 2)
    assert opened.view.last["pins"] == (4, 2)
    assert opened.view.last["place"][1] is True
    opened.presenter.set_filter(Filter(pinned=True))
    assert opened.view.listed() == [2, 4]
    opened.presenter.toggle_pin()
    assert opened.view.listed() == [4]
    assert opened.view.last["place"][1] is False


def test_that_predict_asks_for_the_prediction_page(opened: Bench) -> None:
    asked: list[Any] = []
    opened.session.subscribe(lambda batch: asked.extend(batch))
    opened.presenter.predict()
    assert [event.page for event in asked] == ["prediction"]


def test_that_ignored_pixels_belong_to_no_class() -> None:
    labels = np.array([[0, 1], [IGNORE, 1]], np.uint8)
    sample = Sample(0, "x", "all", np.zeros((2, 2, 3), np.uint8), labels)
    assert count_pixels(sample, 3) == (1, 2, 0)


def test_that_a_colour_chosen_on_any_page_is_shown_here_and_stays_with_the_class(bench: Bench) -> None:
    bench.open(make_dataset())
    assert bench.view.last["colors"] == CLASSES.colors
    bench.presenter.set_color("b", (1, 2, 3))
    assert bench.view.last["colors"] == ((255, 0, 0), (1, 2, 3), (0, 0, 255))
    bench.open(make_dataset())
    assert bench.view.last["colors"][1] == (1, 2, 3)
    bench.jobs.run()
    stats, classes = bench.view.last["statistics"]
    assert stats is not None
    assert classes.colors[1] == (1, 2, 3)
    bench.session.set_color("b", None)
    assert bench.view.last["colors"] == CLASSES.colors
