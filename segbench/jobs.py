"""JobRunner and Job: the only threads in segbench. A job is a generator of events; it is pulled in a lane's thread, and what
it yields reaches `publish` on the event loop in batches. No Qt."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import itertools
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any, Literal

from segbench.errors import explain
from segbench.events import (
    Event,
    JobCancelled,
    JobDone,
    JobEvent,
    JobFact,
    JobFailed,
    JobPaused,
    JobResumed,
    JobStarted,
    StorageFailed,
    WorkEvent,
)

LaneName = Literal["compute", "io"]
DRAIN_SECONDS = 1 / 30  # the window hears of events at most this often
STACK_BYTES = 16 * 2**20  # macOS gives threads half a megabyte, too little for torch
M_ARENA_MAX, HEAPS = -8, 2  # as malloc.h numbers it

log = logging.getLogger(__name__)


class Job:
    """A handle on one job. All methods may be called from any thread and return at once."""

    def __init__(
        self, number: int, kind: str, title: str, events: Generator[WorkEvent, None, Any], lane: _Lane
    ) -> None:
        self.number = number
        self.kind = kind
        self.title = title
        self._events = events
        self._lane = lane
        self._cancelled = False
        self._paused = False
        self._blocked = False
        self._begun = False
        self._ended = False
        self._turn = 0  # when it was pulled last

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def blocked(self) -> bool:
        """Paused by itself, since what it keeps could not be written; `resume` tries again."""
        return self._blocked and self._paused

    def cancel(self) -> None:
        """Closes the generator at its next yield; JobCancelled follows when its `finally` has run."""
        self._cancelled = True
        self._lane.wake()

    def pause(self) -> None:
        """Stops pulling after the present step."""
        self._set_paused(True)

    def resume(self) -> None:
        self._set_paused(False)

    def _set_paused(self, paused: bool) -> None:
        with self._lane.changed:  # so that nothing can be told of a job behind its end
            if self._paused == paused or self._ended:
                return
            self._paused = paused
            self._lane.post(JobPaused(self.number) if paused else JobResumed(self.number))
            self._lane.changed.notify()


class _Lane:
    """One thread that pulls its jobs' generators, first come, first served. Urgent jobs do not queue: all of them and the
    first in the queue take turns, so that a picture is predicted within a step of the training, and neither stands still."""

    def __init__(self, name: LaneName, post: Callable[[JobFact], None]) -> None:
        self.post = post
        self._urgent: deque[Job] = deque()
        self._waiting: deque[Job] = deque()
        self.changed = threading.Condition()
        self._closing = False
        self._turns = itertools.count(1)
        self.thread = threading.Thread(target=self._work, name=f"segbench-{name}", daemon=True)

    def add(self, job: Job, urgent: bool) -> None:
        with self.changed:
            (self._urgent if urgent else self._waiting).append(job)
            if not self.thread.is_alive() and not self._closing:
                self.thread.start()
            self.changed.notify()

    def wake(self) -> None:
        with self.changed:
            self.changed.notify()

    def jobs(self) -> list[Job]:
        with self.changed:
            return [*self._urgent, *self._waiting]

    def close(self) -> None:
        """Cancels everything; the thread ends when the last `finally` has run."""
        with self.changed:
            self._closing = True
            self.changed.notify()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._pull(job)

    def _next(self) -> Job | None:
        with self.changed:
            while True:
                for job in (*self._urgent, *self._waiting):
                    if job._cancelled or self._closing:
                        return job
                # Cancelled ones first; of those that queue only the first moves, even when it is paused
                candidates = [job for job in (*self._urgent, *list(self._waiting)[:1]) if not job.paused]
                if candidates:
                    return min(
                        candidates, key=lambda job: job._turn
                    )  # the one that has waited longest, the urgent before the other
                if self._closing:
                    return None
                self.changed.wait()

    def _pull(self, job: Job) -> None:
        job._turn = next(self._turns)
        try:
            if job._cancelled or self._closing:
                job._events.close()
                self._finish(job, JobCancelled(job.number, job.kind))
                return
            if not job._begun:
                job._begun = True
                self.post(JobStarted(job.number, job.kind, job.title))
            event = next(job._events)
        except StopIteration as stop:
            self._finish(job, JobDone(job.number, job.kind, stop.value))
        except BaseException as error:
            report = explain(error)
            if report.expected:  # a sentence for the terminal; where it came from stands in the log file alone
                log.warning("Job %d (%s) failed: %s", job.number, job.kind, report.message)
                log.info("Job %d in detail:\n%s", job.number, report.details)
            else:
                log.error("Job %d (%s) failed.\n%s", job.number, job.kind, report.details)
            self._finish(job, JobFailed(job.number, job.kind, report))
        else:
            self.post(JobEvent(job.number, job.kind, event))
            job._blocked = isinstance(event, StorageFailed)
            if job._blocked:  # until somebody has seen to it and lets the job go on
                job.pause()

    def _finish(self, job: Job, fact: JobFact) -> None:
        with self.changed:
            for queue in (self._urgent, self._waiting):
                if job in queue:
                    queue.remove(job)
            job._ended = True
        self.post(fact)


class JobRunner:
    """Pull, post, drain: runs generators of events in one compute lane and one io lane.

    loop: where `publish` is called, at most every DRAIN_SECONDS, with everything that came since in order.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, publish: Callable[[Sequence[Event]], None]) -> None:
        self._loop = loop
        self._publish = publish
        self._numbers = itertools.count(1)
        self._pending: list[Event] = []
        self._lock = threading.Lock()
        self._drain_due = False
        self._last_drain = 0.0
        self._lanes: dict[LaneName, _Lane] = {}
        self._closed = False

    def start(
        self,
        kind: str,
        events: Generator[Any, None, Any],
        *,
        title: str = "",
        lane: LaneName = "compute",
        urgent: bool = False,
        newest_wins: bool = False,
    ) -> Job:
        """Queues a generator and returns its handle.

        urgent: pulled between two steps of the lane's present job (an interactive prediction while training).
        newest_wins: unfinished jobs of the same kind are cancelled first. After shutdown nothing begins any more: a view on its
        way out may still ask, and gets a job that has ended.
        """
        if self._closed:
            return self._refuse(Job(next(self._numbers), kind, title or kind, events, _Lane(lane, self._post)))
        if lane not in self._lanes:
            self._lanes[lane] = _Lane(lane, self._post)
        room = self._lanes[lane]
        if newest_wins:
            for older in room.jobs():
                if older.kind == kind:
                    older.cancel()
        job = Job(next(self._numbers), kind, title or kind, events, room)
        room.add(job, urgent)
        return job

    def _refuse(self, job: Job) -> Job:
        job._events.close()
        job._ended = True
        log.debug("%s was asked for after the end.", job.title)
        return job

    def jobs(self) -> list[Job]:
        """Jobs that have not ended, the urgent of each lane first."""
        return [job for lane in self._lanes.values() for job in lane.jobs()]

    async def shutdown(self, timeout: float = 30.0) -> None:
        """Cancels every job, waits until their `finally` blocks have run, publishes what is left. Call it once."""
        self._closed = True
        for lane in self._lanes.values():
            lane.close()
        deadline = self._loop.time() + timeout
        while any(lane.thread.is_alive() for lane in self._lanes.values()) and self._loop.time() < deadline:
            await asyncio.sleep(0.01)
        try:
            self._drain()
        except Exception:
            log.exception("The last events of the session could not be shown.")

    def _post(self, fact: Event) -> None:
        """From any thread: keeps the fact and asks the loop for a drain, unless one is already due."""
        with self._lock:
            self._pending.append(fact)
            if self._drain_due:
                return
            self._drain_due = True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to hear it
            self._loop.call_soon_threadsafe(self._schedule_drain)

    def _schedule_drain(self) -> None:
        wait = self._last_drain + DRAIN_SECONDS - self._loop.time()
        if wait > 0:
            self._loop.call_later(wait, self._drain)
        else:
            self._drain()

    def _drain(self) -> None:
        self._last_drain = self._loop.time()
        with self._lock:
            batch, self._pending = self._pending, []
            self._drain_due = False
        if batch:
            self._publish(batch)


def prepare_threads() -> None:
    """Gives threads made from now on a stack that torch is happy with, and two heaps to share: by default glibc gives each a heap
    of its own, and what is freed in one no other can use, so that memory grows from job to job. Call once, before the first
    JobRunner."""
    threading.stack_size(STACK_BYTES)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)
