"""The evaluations that were made while the window lives: one job a network, what they found, whether that still holds. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from segbench.gui.panels.evaluation.state import Candidate, Evaluated, Terms
from segbench.gui.panels.evaluation.work import Workshop

if TYPE_CHECKING:
    from segbench.events import ImageScored
    from segbench.jobs import Job, JobRunner


class Results:
    """Kept by network and terms until the dataset or the weights change."""

    def __init__(self, jobs: JobRunner, workshop: Workshop) -> None:
        self._jobs, self._workshop = jobs, workshop
        self._found: dict[tuple[Candidate, Terms], Evaluated] = {}
        self._running: dict[int, tuple[Job, Candidate, Terms]] = {}
        self._progress = (0, 0, "")

    @property
    def running(self) -> bool:
        return bool(self._running)

    @property
    def progress(self) -> tuple[int, int, str]:
        """(images done, images in all, network); totals of 0 while nothing runs."""
        return self._progress if self._running else (0, 0, "")

    def find(self, candidate: Candidate, terms: Terms) -> Evaluated | None:
        return self._found.get((candidate, terms))

    def start(
        self, candidate: Candidate, dataset: Any, indices: Sequence[int], terms: Terms, tuned_on: Sequence[int]
    ) -> None:
        """Behind those that run already."""
        evaluating = self._workshop.evaluate(candidate, dataset, indices, terms, tuned_on)
        # Behind a training that takes an hour it would never begin: then it goes between two steps
        training = any(job.kind == "train" for job in self._jobs.jobs())
        job = self._jobs.start("evaluate", evaluating, title=f"Evaluating {candidate.name}", urgent=training)
        if not self._running:
            self._progress = (0, len(indices), candidate.name)
        self._running[job.number] = job, candidate, terms

    def cancel(self) -> None:
        """At once, as far as one sees: what a job still says on its way out is no longer this one's."""
        for job, _, _ in self._running.values():
            job.cancel()
        self._running.clear()

    def take_image(self, job: int, image: ImageScored) -> bool:
        """One more image is scored; False: by a job of somebody else."""
        if job not in self._running:
            return False
        self._progress = image.done, image.total, self._running[job][1].name
        return True

    def end(self, job: int, found: Evaluated | None) -> bool:
        """A job ended, with an evaluation or without; False: somebody else's."""
        if job not in self._running:
            return False
        _, candidate, terms = self._running.pop(job)
        if found is not None:
            self._found[candidate, terms] = found
        return True

    def drop(self, file: str) -> bool:
        """Other weights stand in that file now; True: some were evaluated."""
        gone = [key for key in self._found if key[0].is_of(file)]
        for key in gone:
            del self._found[key]
        return bool(gone)

    def forget(self) -> None:
        """Another dataset: nothing of what was found is about it, and what still runs is of no use."""
        self.cancel()
        self._found.clear()
        self._workshop.forget()
