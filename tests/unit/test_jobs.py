"""The JobRunner on a plain asyncio loop: order, endings, cancel, pause, urgent jobs, shutdown."""

from __future__ import annotations

import asyncio
import threading

import pytest

from segbench.errors import ErrorReport, SegbenchError
from segbench.events import (
    JobCancelled,
    JobDone,
    JobEvent,
    JobFailed,
    JobPaused,
    JobResumed,
    JobStarted,
    Progressed,
    StorageFailed,
)
from segbench.jobs import JobRunner

ENDS = (JobDone, JobCancelled, JobFailed)
PATIENCE = 20.0  # seconds after which a test that waits for a fact gives up; nothing is measured with it


class Desk:
    """A runner together with what it published: `heard` in order, `batches` as they came."""

    def __init__(self):
        self.batches = []
        self.threads = set()
        self.on_batch = lambda events: None
        self.runner = JobRunner(asyncio.get_running_loop(), self._publish)

    def _publish(self, events):
        self.threads.add(threading.current_thread())
        self.batches.append(list(events))
        self.on_batch(events)

    @property
    def heard(self):
        return [event for batch in self.batches for event in batch]

    def ends(self, job=None):
        return [e for e in self.heard if isinstance(e, ENDS) and (job is None or e.job == job.number)]

    def yields(self, job):
        return [e.event for e in self.heard if isinstance(e, JobEvent) and e.job == job.number]

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.002)

    async def end_of(self, *jobs):
        await self.until(lambda: all(self.ends(job) for job in jobs))


def run(story):
    """Runs an async story with a Desk, and shuts its runner down."""

    async def whole():
        desk = Desk()
        try:
            await story(desk)
        finally:
            await desk.runner.shutdown()
        return desk

    return asyncio.run(whole())


def count(number, gate=None, log=None):
    """Yields `number` facts; waits at `gate` before each; tells `log` that its `finally` ran."""
    try:
        for step in range(number):
            if gate is not None:
                assert gate.acquire(timeout=PATIENCE)
            yield Progressed("counting", step, number)
        return number
    finally:
        if log is not None:
            log.append("closed")


def forever(log=None):
    try:
        step = 0
        while True:
            yield Progressed("training", step, 0)
            step += 1
            threading.Event().wait(0.0005)
    finally:
        if log is not None:
            log.append("closed")


def test_that_twenty_thousand_events_arrive_in_order_between_start_and_done():
    async def story(desk):
        desk.job = desk.runner.start("count", count(20_000), title="Counting")
        await desk.end_of(desk.job)

    desk = run(story)
    assert desk.heard[0] == JobStarted(desk.job.number, "count", "Counting")
    assert [event.done for event in desk.yields(desk.job)] == list(range(20_000))
    assert isinstance(desk.heard[-1], JobDone)
    assert desk.heard[-1].result == 20_000


def test_that_events_come_in_few_batches_on_the_loop_s_own_thread():
    async def story(desk):
        await desk.end_of(desk.runner.start("count", count(20_000)))

    desk = run(story)
    assert len(desk.batches) < 20_000 / 20
    assert all(desk.batches)
    assert desk.threads == {threading.current_thread()}


def test_that_a_generator_runs_in_its_lane_s_thread_and_never_in_the_loop_s():
    seen = {}

    def work(name):
        seen[name] = threading.current_thread()
        yield Progressed(name, 0, 0)

    async def story(desk):
        jobs = [desk.runner.start(name, work(name), lane=name) for name in ("compute", "io")]
        await desk.end_of(*jobs)

    run(story)
    assert len({*seen.values(), threading.current_thread()}) == 3


def test_that_every_job_ends_exactly_once():
    def fail():
        yield Progressed("failing", 0, 0)
        raise ValueError("no")

    async def story(desk):
        desk.jobs = [desk.runner.start("a", make()) for make in (lambda: count(50), fail, forever, lambda: count(0))]
        desk.jobs += [desk.runner.start("b", make(), lane="io") for make in (forever, fail)]
        await desk.until(lambda: len(desk.yields(desk.jobs[2])) > 2 and len(desk.yields(desk.jobs[4])) > 2)
        for job in desk.jobs:
            job.cancel()
            job.cancel()
        await desk.end_of(*desk.jobs)

    desk = run(story)
    kinds = [[type(end) for end in desk.ends(job)] for job in desk.jobs]
    assert kinds[:3] == [[JobDone], [JobFailed], [JobCancelled]]
    assert kinds[4] == [JobCancelled]
    assert all(len(ends) == 1 for ends in kinds)


def test_that_nothing_is_heard_of_a_job_after_its_end():
    async def story(desk):
        desk.job = desk.runner.start("count", count(5))
        await desk.end_of(desk.job)
        desk.job.pause()
        desk.job.resume()
        desk.job.cancel()
        other = desk.runner.start("count", count(1))
        await desk.end_of(other)

    desk = run(story)
    own = [event for event in desk.heard if event.job == desk.job.number]
    assert isinstance(own[-1], JobDone)


def test_that_cancel_runs_the_generator_s_finally_before_it_is_told():
    log = []

    async def story(desk):
        job = desk.runner.start("train", forever(log))
        await desk.until(lambda: desk.yields(job))
        job.cancel()
        await desk.end_of(job)
        assert log == ["closed"]
        assert isinstance(desk.ends(job)[0], JobCancelled)

    run(story)


def test_that_a_job_cancelled_before_its_turn_never_begins():
    async def story(desk):
        gate = threading.Semaphore(0)
        first = desk.runner.start("first", count(1, gate))
        second = desk.runner.start("second", count(1))
        second.cancel()
        gate.release()
        await desk.end_of(first, second)
        assert [type(e) for e in desk.heard if e.job == second.number] == [JobCancelled]

    run(story)


def test_that_a_waiting_job_s_cancel_does_not_wait_for_the_one_before_it():
    async def story(desk):
        first = desk.runner.start("train", forever())
        second = desk.runner.start("export", count(1))
        await desk.until(lambda: desk.yields(first))
        second.cancel()
        await desk.end_of(second)
        assert not desk.ends(first)

    run(story)


def test_that_jobs_of_a_lane_run_one_after_the_other():
    async def story(desk):
        jobs = [desk.runner.start("count", count(20)) for _ in range(3)]
        await desk.end_of(*jobs)
        order = [event.job for event in desk.heard]
        assert order == sorted(order)

    run(story)


def test_that_pause_stops_pulling_and_resume_goes_on_where_it_was():
    async def story(desk):
        gate = threading.Semaphore(5)
        job = desk.runner.start("train", count(10, gate))
        await desk.until(lambda: len(desk.yields(job)) == 5)
        job.pause()  # it waits inside its sixth step now, which a pause lets it finish
        gate.release(5)
        await desk.until(lambda: len(desk.yields(job)) == 6)
        await asyncio.sleep(0.1)
        assert len(desk.yields(job)) == 6
        assert job.paused
        job.resume()
        await desk.end_of(job)
        assert [event.done for event in desk.yields(job)] == list(range(10))
        told = [type(e) for e in desk.heard if isinstance(e, JobPaused | JobResumed)]
        assert told == [JobPaused, JobResumed]

    run(story)


def test_that_a_paused_job_can_be_cancelled():
    log = []

    async def story(desk):
        job = desk.runner.start("train", forever(log))
        await desk.until(lambda: desk.yields(job))
        job.pause()
        job.cancel()
        await desk.end_of(job)
        assert log == ["closed"]

    run(story)


@pytest.mark.parametrize("paused", [False, True])
def test_that_an_urgent_job_runs_between_two_steps_of_another(paused):
    async def story(desk):
        training = desk.runner.start("train", forever())
        await desk.until(lambda: desk.yields(training))
        if paused:
            training.pause()
        urgent = desk.runner.start("predict sample", count(3), urgent=True, newest_wins=True)
        await desk.end_of(urgent)
        assert not desk.ends(training)
        order = [event.job for event in desk.heard if isinstance(event, JobEvent)]
        own = [place for place, job in enumerate(order) if job == urgent.number]
        assert len(own) == 3
        assert own[2] - own[0] == (2 if paused else 4), "they take turns"
        seen = len(desk.yields(training))
        training.resume()
        await desk.until(lambda: len(desk.yields(training)) > seen)

    run(story)


def test_that_a_short_urgent_job_does_not_wait_for_a_long_one():
    async def story(desk):
        training = desk.runner.start("train", forever())
        long = desk.runner.start("predict", forever(), urgent=True)
        await desk.until(lambda: len(desk.yields(long)) > 5 and len(desk.yields(training)) > 5)
        short = desk.runner.start("predict sample", count(3), urgent=True)
        await desk.end_of(short)
        assert not desk.ends(long)
        order = [event.job for event in desk.heard if isinstance(event, JobEvent)]
        own = [place for place, job in enumerate(order) if job == short.number]
        assert own[2] - own[0] == 6, "training, the long and the short one take turns"

    run(story)


def test_that_a_job_that_is_not_urgent_waits_for_the_present_one():
    async def story(desk):
        gate = threading.Semaphore(0)
        first = desk.runner.start("train", count(2, gate))
        second = desk.runner.start("evaluate", count(2))
        gate.release(2)
        await desk.end_of(first, second)
        assert [end.job for end in desk.ends()] == [first.number, second.number]

    run(story)


def test_that_the_newest_of_a_kind_wins():
    async def story(desk):
        training = desk.runner.start("train", forever())
        older = [desk.runner.start("predict sample", forever(), urgent=True, newest_wins=True) for _ in range(5)]
        newest = desk.runner.start("predict sample", count(3), urgent=True, newest_wins=True)
        await desk.end_of(*older, newest)
        assert all(isinstance(desk.ends(job)[0], JobCancelled) for job in older)
        assert isinstance(desk.ends(newest)[0], JobDone)
        assert not desk.ends(training)

    run(story)


def test_that_a_failure_carries_words_for_the_user_and_a_traceback():
    def fail():
        yield Progressed("reading", 0, 0)
        raise SegbenchError("The file is empty.", "Choose another one.")

    async def story(desk):
        job = desk.runner.start("open dataset", fail())
        await desk.end_of(job)
        report = desk.ends(job)[0].report
        assert (report.message, report.hint) == ("The file is empty.", "Choose another one.")
        assert "in fail" in report.details

    run(story)


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), SystemExit(3), GeneratorExit()])
def test_that_no_exception_ends_the_lane(error):
    def fail():
        yield Progressed("failing", 0, 0)
        raise error

    async def story(desk):
        bad = desk.runner.start("bad", fail())
        good = desk.runner.start("good", count(2))
        await desk.end_of(bad, good)
        assert isinstance(desk.ends(bad)[0], JobFailed)
        assert isinstance(desk.ends(good)[0], JobDone)

    run(story)


def test_that_a_finally_that_raises_is_a_failure():
    def bad():
        try:
            while True:
                yield Progressed("training", 0, 0)
        finally:
            raise OSError(28, "No space left on device")

    async def story(desk):
        job = desk.runner.start("train", bad())
        await desk.until(lambda: desk.yields(job))
        job.cancel()
        await desk.end_of(job)
        assert desk.ends(job)[0].report.message == "The disk is full."

    run(story)


def test_that_a_handler_may_start_the_next_job():
    async def story(desk):
        started = []

        def chain(events):
            for event in events:
                if isinstance(event, JobDone) and len(started) < 3:
                    started.append(desk.runner.start("next", count(1)))

        desk.on_batch = chain
        desk.runner.start("first", count(1))
        await desk.until(lambda: len(desk.ends()) == 4)
        assert [end.job for end in desk.ends()] == [1, 2, 3, 4]

    run(story)


def test_that_a_handler_that_raises_loses_no_later_event():
    async def story(desk):
        errors = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))

        def stumble(events):
            if not errors:
                raise ValueError("a view stumbled")

        desk.on_batch = stumble
        job = desk.runner.start("count", count(2_000))
        await desk.end_of(job)
        assert len(desk.yields(job)) == 2_000
        assert [str(error) for error in errors] == ["a view stumbled"]

    run(story)


def test_that_shutdown_cancels_joins_and_publishes_what_is_left():
    log = []

    async def story(desk):
        desk.jobs = [desk.runner.start("train", forever(log)), desk.runner.start("scan", forever(log), lane="io")]
        desk.jobs.append(desk.runner.start("export", count(1, log=log)))
        await desk.until(lambda: all(desk.yields(job) for job in desk.jobs[:2]))
        await desk.runner.shutdown()
        assert [[type(end) for end in desk.ends(job)] for job in desk.jobs] == [[JobCancelled]] * 3

    desk = run(story)
    assert log == ["closed", "closed"]
    assert desk.runner.jobs() == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("segbench-")]


def test_that_a_paused_job_does_not_hold_up_shutdown():
    log = []

    async def story(desk):
        job = desk.runner.start("train", forever(log))
        await desk.until(lambda: desk.yields(job))
        job.pause()

    run(story)
    assert log == ["closed"]


def test_that_nothing_starts_after_shutdown():
    async def story(desk):
        await desk.runner.shutdown()
        before, begun = len(desk.batches), []

        def late():
            begun.append(True)
            yield Progressed("late", 0, 1)

        job = desk.runner.start("late", late())
        job.cancel()  # nobody is left to hear it, and nothing fails
        await asyncio.sleep(0.05)
        assert not begun
        assert not desk.runner.jobs()
        assert len(desk.batches) == before

    run(story)


def test_that_shutdown_ends_even_when_a_handler_stumbles_over_the_last_batch(caplog):
    async def story(desk):
        job = desk.runner.start("train", forever())
        await desk.until(lambda: desk.yields(job))

        def stumble(events):
            raise ValueError("a view is gone")

        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        desk.on_batch = stumble
        await desk.runner.shutdown()

    desk = run(story)
    assert isinstance(desk.heard[-1], JobCancelled)


@pytest.mark.parametrize(("error", "told"), [(SegbenchError("No such file."), False), (ZeroDivisionError(), True)])
def test_that_only_a_mistake_of_ours_shows_a_traceback_in_the_terminal(caplog, error, told):
    def fail():
        yield Progressed("work", 0, 1)
        raise error

    async def story(desk):
        await desk.end_of(desk.runner.start("open dataset", fail()))

    caplog.set_level("INFO")
    run(story)
    loud = [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert len(loud) == 1
    assert ("Traceback" in loud[0]) == told
    assert "Traceback" in caplog.text  # the log file has it in both cases


def test_that_jobs_lists_what_has_not_ended():
    async def story(desk):
        training = desk.runner.start("train", forever())
        waiting = desk.runner.start("export", count(1))
        io = desk.runner.start("scan", forever(), lane="io")
        assert desk.runner.jobs() == [training, waiting, io]
        training.cancel()
        await desk.end_of(training, waiting)
        assert desk.runner.jobs() == [io]

    run(story)


def test_that_a_loop_closed_under_a_job_harms_nothing():
    """The window is gone but its last job still yields: it must not die with an error in its thread."""

    async def lose():
        desk = Desk()
        gate = threading.Semaphore(0)
        job = desk.runner.start("train", count(3, gate))
        await asyncio.sleep(0)
        return job, gate

    job, gate = asyncio.run(lose())
    gate.release(3)
    thread = job._lane.thread
    job._lane.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_that_a_job_whose_folder_cannot_be_written_waits_until_it_is_resumed():
    pulled = []

    def work():
        for step in (1, 2):
            pulled.append(step)
            yield StorageFailed(step, ErrorReport("The disk is full.", "Free some space.", ""))

    async def story(desk):
        job = desk.runner.start("train", work())
        for step in (1, 2):
            await desk.until(lambda step=step: job.blocked and len(desk.yields(job)) == step)
            assert pulled == list(range(1, step + 1))
            job.resume()
        await desk.end_of(job)
        assert isinstance(desk.ends(job)[0], JobDone)

    run(story)
