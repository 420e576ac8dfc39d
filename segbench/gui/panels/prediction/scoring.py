"""The scoring of a whole split: its job, what it has found, whether that still holds, and the walk through the worst images.
No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segbench.events import ImageScored
from segbench.gui.panels.prediction.scored import ScoredImage, ScoredSplit
from segbench.gui.panels.prediction.workshop import Key, Workshop
from segbench.records import Reading, Scores

if TYPE_CHECKING:
    from segbench.jobs import Job, JobRunner


class SplitScoring:
    """At most one job "predict" at a time. What it found stays, also when it was cancelled, until the next one begins or
    another source is looked at."""

    def __init__(self, jobs: JobRunner, workshop: Workshop) -> None:
        self._jobs = jobs
        self._workshop = workshop
        self._job: Job | None = None
        self._progress = (0, 0)
        self._worst = -1  # where the walk through the worst images stands
        self.scored: ScoredSplit | None = None

    @property
    def running(self) -> bool:
        return self._job is not None

    @property
    def progress(self) -> tuple[int, int]:
        """(images done, images in all); (0, 0) while nothing runs."""
        return self._progress if self.running else (0, 0)

    def start(self, source: Any, split: str, span: range, key: Key, reading: Reading) -> None:
        """Predicts and scores every image of a split of that source."""
        work = self._workshop.evaluate(source, span, key, reading)
        # Behind a training that takes an hour it would never begin: then it goes between two steps
        training = any(job.kind == "train" for job in self._jobs.jobs())
        self._job = self._jobs.start("predict", work, title=f"Predicting {split}", urgent=training)
        self.scored = ScoredSplit(split, len(span), reading, key)
        self._progress, self._worst = (0, len(span)), -1

    def cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def take_image(self, job: int, image: ImageScored) -> bool:
        """One more image is scored; False: it is not this one's job."""
        if not self._is_mine(job) or self.scored is None:
            return False
        self.scored.add(ScoredImage(image.index, image.name, image.scores.mean_iou))
        self._progress = (image.done, image.total)
        return True

    def end(self, job: int, pooled: Scores | None = None) -> bool:
        """The job ended, with the scores of all images together or without; False: it is not this one's job."""
        if not self._is_mine(job) or self.scored is None:
            return False
        self._job, self.scored.pooled = None, pooled
        return True

    def forget(self) -> None:
        """Another source is looked at: nothing of what was found is about it."""
        self.cancel()
        self._job, self.scored = None, None

    def is_stale(self, key: Key | None, reading: Reading | None) -> bool:
        """What was found is not what these weights under these thresholds would give. Said once it has all been found."""
        scored = self.scored
        return scored is not None and not self.running and (scored.reading != reading or scored.key != key)

    def find_next_worst(self, index: int) -> int | None:
        """The worst image; where that is `index`, and it was found here, the next worse one, and so on. None without images."""
        if self.scored is None or not self.scored.images:
            return None
        walking = self._worst == index
        found = self.scored.find_next_worst(index) if walking else self.scored.ranked()[0]
        if found is not None:
            self._worst = found
        return found

    def _is_mine(self, job: int) -> bool:
        return self._job is not None and self._job.number == job
