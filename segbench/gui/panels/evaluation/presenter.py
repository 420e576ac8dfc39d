"""What the evaluation page decides: which networks are scored on which images, which of them is looked at, what may be compared.
No Qt; work runs as jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from segbench.events import (
    CheckpointClosed,
    CheckpointOpened,
    CheckpointSaved,
    ClassRecolored,
    DatasetClosed,
    DatasetOpened,
    Event,
    ImageScored,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    ReadingRequested,
    RunsCompared,
    RunsListed,
)
from segbench.gui.panels.evaluation import work
from segbench.gui.panels.evaluation.looking import Looking
from segbench.gui.panels.evaluation.results import Results
from segbench.gui.panels.evaluation.state import (
    LECTURE_VALUES,
    MEAN,
    MOST,
    Candidate,
    Evaluated,
    Look,
    Page,
    Preview,
    Scope,
    Stage,
    Topic,
    list_candidates,
    name_briefly,
)
from segbench.gui.panels.evaluation.work import Workshop

if TYPE_CHECKING:
    from segbench.gui.session import Session
    from segbench.jobs import JobRunner
    from segbench.metrics.comparison import Differences
    from segbench.metrics.evaluation import Metric
    from segbench.records import Reading, RunInfo
    from segbench.training.comparison import Rule

UNSEEN_FIRST = ("test", "validation", "val")  # where the network has not been
TUNED_FIRST = ("validation", "val", "train")  # where thresholds are chosen, as long as they are not scored there


class EvaluationView(Protocol):
    """What the presenter asks of the view."""

    def show_page(self, page: Page) -> None: ...
    def show_progress(self, done: int, total: int, name: str) -> None: ...
    def show_preview(self, preview: Preview | None, problem: str) -> None: ...


class EvaluationPresenter:
    """One per window."""

    def __init__(self, session: Session, jobs: JobRunner, bench: Workshop | None = None) -> None:
        self._session, self._jobs = session, jobs
        workshop = bench or Workshop()
        self._results = Results(jobs, workshop)
        self._looking = Looking(jobs, workshop)
        self._runs: tuple[RunInfo, ...] = ()
        self._ticked: tuple[str, ...] = ()
        self._others: tuple[Candidate, ...] = ()  # chosen beside the session's checkpoint
        self._differing: tuple[Any, ...] | None = None  # what the differences are of, there or on their way
        self._difference_job = 0
        self._differences: Differences | None = None
        self._active = False
        self.look = Look()

    def attach(self, view: EvaluationView) -> None:
        self._view = view
        self._choose_first_split()
        self._show()

    # What is there --------------------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> tuple[Candidate, ...]:
        """The networks, the session's checkpoint first."""
        info, candidates = self._session.checkpoint, self._candidates
        if info is None:
            return ()
        first = next(one for one in candidates if one.is_of(info.path))
        return (first, *(one for one in self._others if one != first))[:MOST]

    @property
    def _candidates(self) -> tuple[Candidate, ...]:
        return list_candidates(self._runs, self._session.checkpoint)

    @property
    def results(self) -> tuple[Evaluated | None, ...]:
        return tuple(self._results.find(one, self.look.terms) for one in self.chosen)

    @property
    def page(self) -> Page:
        """What the view shows."""
        candidates, chosen, results = self._candidates, self.chosen, self.results
        dataset, info = self._session.dataset, self._session.checkpoint
        classes = dataset.info.classes if dataset is not None else None
        present = min(self.look.present, max(0, len(results) - 1))
        other_terms = replace(self.look.terms, batch_statistics=not self.look.terms.batch_statistics)
        return Page(
            look=replace(self.look, present=present),
            stage=self._find_stage(results, present),
            candidates=candidates,
            ticked=tuple(one for path in self._ticked for one in candidates if (one.path, one.which) == (path, "best")),
            chosen=chosen,
            names=name_briefly(chosen),
            results=results,
            splits=tuple((name, len(span)) for name, span in dataset.splits.items() if span) if dataset else (),
            classes=self._session.recolor(classes) if classes is not None else None,
            other_mode=self._results.find(chosen[present], other_terms) if chosen else None,
            tuned_on=self._tuned_on,
            differences=self._differences,
            can_follow_lecture=info is not None
            and info.target == "values"
            and classes is not None
            and classes.values == LECTURE_VALUES,
        )

    def _find_stage(self, results: Sequence[Evaluated | None], present: int) -> Stage:
        dataset = self._session.dataset
        if dataset is None or not len(dataset):
            return "no dataset"
        if dataset.info.classes is None:
            return "no masks"
        if self._session.checkpoint is None:
            return "no checkpoint"
        if results and results[present] is not None:
            return "ready"
        return "evaluating" if self._results.running else "not evaluated"

    @property
    def _tuned_on(self) -> str:
        """The split in which best thresholds are chosen: another than they are scored on, where there is one."""
        dataset, split = self._session.dataset, self.look.terms.split
        splits = dataset.splits if dataset is not None else {}
        return next((name for name in TUNED_FIRST if name != split and splits.get(name)), split)

    # What the user does -----------------------------------------------------------------------------------------------------

    def set_active(self, active: bool) -> None:
        self._active = active
        if active:
            if not self._runs:
                self._session.list_runs()
            self._show()

    def set_topic(self, topic: Topic) -> None:
        self._use(topic=topic)

    def choose_network(self, candidate: Candidate) -> None:
        """This one in the first place: every page looks through it from now on."""
        if candidate in self._others:
            self._others = tuple(one for one in self._others if one != candidate)
        self._open(candidate)

    def compare_with(self, candidates: Sequence[Candidate]) -> None:
        """These beside the first; what was evaluated already is there at once."""
        self._others = tuple(candidates)[: MOST - 1]
        self._use(present=0, pair=(0, 1))

    def set_present(self, place: int) -> None:
        """Another of the chosen networks is looked at."""
        if 0 <= place < len(self.chosen):
            self._use(present=place)

    def step_present(self, by: int) -> None:
        if count := len(self.chosen):
            self.set_present((self.page.look.present + by) % count)

    def set_pair(self, first: int, second: int) -> None:
        self._use(pair=(first, second))

    def set_split(self, split: str) -> None:
        self._set_terms(split=split)

    def set_rule(self, rule: Rule) -> None:
        self._set_terms(rule=rule)

    def set_batch_statistics(self, batch_statistics: bool) -> None:
        self._set_terms(batch_statistics=batch_statistics)

    def set_grid(self, grid: bool) -> None:
        self._set_terms(grid=grid)

    def _set_terms(self, **changes: Any) -> None:
        terms = replace(self.look.terms, **changes)
        if terms != self.look.terms:
            self._results.cancel()
            self._use(terms=terms, scope=None, image=-1)

    def set_metric(self, metric: Metric) -> None:
        self._use(metric=metric)

    def set_class(self, k: int) -> None:
        self._use(k=k)

    def set_number(self, metric: Metric, k: int) -> None:
        """Its definition is read."""
        if (metric, k) != (self.look.metric, self.look.k):
            self._use(metric=metric, k=k)

    def show_worst(self, metric: Metric, k: int) -> None:
        """A number was opened: the images behind it, the worst first."""
        self._use(topic="images", metric=metric, k=max(k, MEAN), scope=None, image=-1)

    def show_scope(self, words: str, indices: Sequence[int]) -> None:
        """A point or a cell was clicked: these images alone."""
        if len(indices):
            found = tuple(int(index) for index in indices)
            self._use(topic="images", scope=Scope(words, found), image=found[0])

    def leave_scope(self) -> None:
        self._use(scope=None)

    def show_image(self, index: int, ahead: int = -1) -> None:
        """Its picture beside the table; `ahead` is the image that is likely to be looked at next."""
        self.look = replace(self.look, image=index)
        self._look_at_image(ahead)

    def open_image(self, index: int) -> None:
        """On the Prediction page, through the network that is looked at."""
        page = self.page
        if page.present is not None and page.look.present:
            self._open(page.present.candidate)
        self._session.select_sample(index)
        self._session.show_page("prediction")

    def use_reading(self, reading: Reading) -> None:
        """These thresholds on the Prediction page, through the network they were chosen for."""
        page = self.page
        if page.present is None:
            return
        info = page.present.evaluation.checkpoint
        if page.look.present:
            self._open(page.present.candidate)
        self._session.publish([ReadingRequested(info.path, reading)])
        self._session.show_page("prediction")

    def evaluate(self) -> None:
        """Scores those of the chosen networks that are not scored yet."""
        dataset, terms = self._session.dataset, self.look.terms
        if dataset is None or self._results.running or self.page.stage not in ("not evaluated", "ready"):
            return
        for candidate, result in zip(self.chosen, self.results, strict=True):
            if result is None:
                self._results.start(
                    candidate, dataset, dataset.splits[terms.split], terms, dataset.splits[self._tuned_on]
                )
        self._show()

    def cancel(self) -> None:
        self._results.cancel()
        self._show()

    def save_comparison(self, path: str) -> None:
        page = self.page
        results = [(page.names[place], one) for place, one in page.there]
        if results:
            saving = work.save_comparison(path, results, page.look.terms, self._session.dataset)
            self._jobs.start("save table", saving, title="Saving the table", lane="io")

    def save_images(self, path: str) -> None:
        if (present := self.page.present) is not None:
            self._jobs.start("save table", work.save_images(path, present), title="Saving the table", lane="io")

    def show_page(self, page: str) -> None:
        self._session.show_page(page)

    # What happened ----------------------------------------------------------------------------------------------------------

    def handle(self, events: Sequence[Event]) -> None:
        """One drained batch."""
        stale = moved = False
        for event in events:
            match event:
                case DatasetOpened() | DatasetClosed():
                    self._results.forget()
                    self._looking.forget()
                    self.look = replace(self.look, scope=None, image=-1, k=MEAN)
                    self._choose_first_split()
                    stale = True
                case CheckpointOpened() | CheckpointClosed():
                    self._results.cancel()
                    self.look = replace(self.look, present=0)
                    stale = True
                case RunsListed(runs=runs):
                    self._runs = runs
                    there = self._candidates
                    self._others = tuple(one for one in self._others if one in there)
                    stale = True
                case RunsCompared(paths=paths):
                    self._ticked = paths
                    stale = True
                case JobEvent(kind="train", event=CheckpointSaved(path=path)):
                    stale = self._results.drop(path) or stale
                case ClassRecolored():
                    stale = True
                case JobEvent(job=job, event=ImageScored() as image):
                    moved = self._results.take_image(job, image) or moved
                case JobDone(job=job, result=result):
                    if job == self._difference_job:
                        self._difference_job, self._differences, stale = 0, result, True
                    elif self._looking.take(job, result):
                        self._show_preview()
                    else:
                        stale = self._results.end(job, result) or stale
                case JobFailed(job=job) | JobCancelled(job=job):
                    problem = event.report.message if isinstance(event, JobFailed) else ""
                    if job == self._difference_job:
                        self._difference_job, self._differing = 0, None
                    elif self._looking.end(job, problem):
                        self._show_preview()
                    else:
                        stale = self._results.end(job, None) or stale
        if stale:
            self._show()
        elif moved:
            self._view.show_progress(*self._results.progress)

    def _choose_first_split(self) -> None:
        dataset = self._session.dataset
        splits = dataset.splits if dataset is not None else {}
        if not splits.get(self.look.terms.split):
            names = [name for name in (*UNSEEN_FIRST, *splits) if splits.get(name)]
            self.look = replace(self.look, terms=replace(self.look.terms, split=names[0] if names else ""))

    def _open(self, candidate: Candidate) -> None:
        # Its own job, not the session's open_checkpoint: choosing here does not belong among the recent files
        title = f"Opening {candidate.name}"
        self._jobs.start("open checkpoint", work.read_info(candidate), title=title, lane="io", newest_wins=True)

    # Showing ----------------------------------------------------------------------------------------------------------------

    def _use(self, **changes: Any) -> None:
        self.look = replace(self.look, **changes)
        self._show()

    def _show(self) -> None:
        if not self._active:
            return
        self._compare_pair()
        self._view.show_page(self.page)
        self._view.show_progress(*self._results.progress)
        self._look_at_image()

    def _compare_pair(self) -> None:
        """Intervals are drawn in a job, for the pair and the metric that are looked at."""
        page = self.page
        pair = page.find_pair()
        wanted = (*pair, page.look.metric) if pair is not None and page.look.topic == "compare" else None
        if wanted == self._differing or (wanted is None and pair is not None):
            return
        self._differing, self._differences, self._difference_job = wanted, None, 0
        if wanted is not None:
            differing = work.find_differences(*wanted)
            job = self._jobs.start("difference", differing, title="Comparing", lane="io", urgent=True, newest_wins=True)
            self._difference_job = job.number

    def _look_at_image(self, ahead: int = -1) -> None:
        page = self.page
        if not self._active or page.look.topic != "images" or page.present is None:
            return
        self._looking.look(self._session.dataset, page.look.image, page.there, ahead)
        self._show_preview()

    def _show_preview(self) -> None:
        self._view.show_preview(self._looking.find(self.look.image), self._looking.problem)
