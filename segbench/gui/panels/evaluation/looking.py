"""The pictures of images that a user goes through: predicted when they are looked at, kept for a while, one at a time. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segbench.gui.panels.evaluation.state import Evaluated, Preview
from segbench.gui.panels.evaluation.work import Workshop

if TYPE_CHECKING:
    from segbench.jobs import Job, JobRunner

KEPT = 48  # pictures


class Looking:
    """At most one job "evaluation picture" at a time; while it runs, only the newest wish is remembered."""

    def __init__(self, jobs: JobRunner, workshop: Workshop) -> None:
        self._jobs, self._workshop = jobs, workshop
        self._kept: dict[int, Preview] = {}
        self._of: list[tuple[int, Evaluated]] = []  # what the kept pictures are of
        self._job: Job | None = None
        self._wanted: tuple[Any, int] | None = None
        self._ahead: tuple[Any, int] | None = None  # asked for while nothing else is
        self.problem = ""  # why the image last asked for cannot be shown

    def find(self, index: int) -> Preview | None:
        return self._kept.get(index)

    def look(self, dataset: Any, index: int, looks: list[tuple[int, Evaluated]], ahead: int = -1) -> None:
        """Asks for an image as these networks see it, unless it is there; then for the one `ahead`."""
        if [(place, id(one)) for place, one in looks] != [(place, id(one)) for place, one in self._of]:
            self.forget()
            self._of = list(looks)
        if not looks or index < 0:
            return
        if index not in self._kept:
            self._wanted = dataset, index
        if ahead >= 0:
            self._ahead = dataset, ahead
        self._ask()

    def _ask(self) -> None:
        if self._job is not None:
            return
        wish, self._wanted = self._wanted or self._ahead, None
        self._ahead = None if wish is self._ahead else self._ahead
        if wish is None or wish[1] in self._kept:
            return
        (dataset, index), self.problem = wish, ""
        looks = [(place, one) for place, one in self._of if index in one.evaluation.indices]
        if looks:
            looking = self._workshop.look(dataset, index, looks)
            self._job = self._jobs.start("evaluation picture", looking, title="Predicting", urgent=True)

    def take(self, job: int, preview: Preview) -> bool:
        """A picture has come; False: somebody else's job."""
        if self._job is None or self._job.number != job:
            return False
        self._job = None
        while len(self._kept) >= KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[preview.sample.index] = preview
        self._ask()
        return True

    def end(self, job: int, problem: str) -> bool:
        """A picture did not come; False: somebody else's job."""
        if self._job is None or self._job.number != job:
            return False
        self._job, self.problem = None, problem
        self._ask()
        return True

    def forget(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self._job, self._wanted, self._ahead, self.problem = None, None, None, ""
        self._kept.clear()
        self._of = []
