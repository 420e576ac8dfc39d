"""What the export dialog decides: which samples, which format, and when it may start. No Qt; work runs as jobs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from segbench.errors import SegbenchError
from segbench.events import Event, ExportRequested, FileExported, JobCancelled, JobDone, JobEvent, JobFailed, RunsListed
from segbench.gui.panels.export import work
from segbench.gui.panels.export.draft import Done, Draft, Masks, Preview, list_indices
from segbench.records import CheckpointInfo, ClassTable, DatasetInfo, Reading

if TYPE_CHECKING:
    from segbench.gui.session import Session
    from segbench.jobs import Job, JobRunner


class ExportView(Protocol):
    """What the presenter asks of the dialog."""

    def show_dialog(
        self,
        counts: dict[str, int],
        splits: dict[str, int],
        names: dict[str, str],
        reading: Reading | None,
        classes: ClassTable | None,
    ) -> None: ...
    def show_draft(self, draft: Draft) -> None: ...
    def show_preview(self, preview: Preview, samples: int) -> None: ...
    def show_running(self, done: int, total: int) -> None: ...
    def show_done(self, done: Done) -> None: ...
    def show_idle(self) -> None: ...


class ExportPresenter:
    """One per window; `handle` opens the dialog when ExportRequested comes."""

    def __init__(self, session: Session, jobs: JobRunner) -> None:
        self._session = session
        self._jobs = jobs
        self._bench = work.PreviewBench()
        self._view: ExportView | None = None
        self._request: ExportRequested | None = None
        self._checkpoint: CheckpointInfo | None = None
        self._previewing: Job | None = None
        self._exporting: Job | None = None
        self._format = ""
        self._run_names: dict[str, str] = {}  # by folder: what the runs are called
        self._written = [0, 0, 0]  # samples, files, hidden pixels
        self._chosen_out = False  # the user has named a folder
        self._failed_on: DatasetInfo | None = None  # the dataset whose export to that folder failed last
        self._exported_of: DatasetInfo | None = None  # the dataset that is being exported
        self._hurried = False  # the user has asked for the files before the preview of the draft was there
        self.draft = Draft()
        self.preview: Preview | None = None

    def attach(self, view: ExportView) -> None:
        self._view = view

    @property
    def view(self) -> ExportView:
        assert self._view is not None, "attach a view first"
        return self._view

    @property
    def running(self) -> bool:
        return self._exporting is not None

    # What the user asks for -----------------------------------------------------------------------------------------------

    def open(self, request: ExportRequested) -> None:
        """Shows the dialog for this request; the choices of the last time stay where they still fit."""
        if request.dataset is None or not len(request.dataset):
            return
        self._request, self._checkpoint = request, self._session.checkpoint
        if self._failed_on is not None and self._failed_on != request.dataset.info:
            self._chosen_out, self._failed_on = False, None
        scope = (
            "selected"
            if request.selected
            else "this"
            if self.draft.scope in ("selected", "numbers")
            else self.draft.scope
        )
        masks: Masks = "truth" if self._checkpoint is None else self.draft.masks
        has_truth = request.dataset.info.classes is not None
        splits = self._list_splits()
        split = self.draft.split if scope == "split" and self.draft.split in splits else next(iter(splits))
        if scope == "split" and len(splits) == 1:
            scope = "all"  # which is the same, and the only one the dialog offers
        if scope == "all" and len(request.dataset) == 1:
            scope = "this"
        self.draft = replace(self.draft, scope=scope, split=split, masks=masks if has_truth else "network")
        if not self._chosen_out:
            self.draft = replace(self.draft, out=str(self._propose_folder()))
        counts = {
            "this": 1, "selected": len(request.selected), "split": splits[split], "all": len(request.dataset),
            "network": int(self._checkpoint is not None), "truth": int(has_truth),
        }  # fmt: skip
        names = {
            "sample": request.dataset.name(request.index),
            "checkpoint": self._name_checkpoint(self._checkpoint) if self._checkpoint is not None else "",
        }  # fmt: skip
        classes = self._checkpoint.classes if self._checkpoint is not None else None
        self.view.show_dialog(counts, splits, names, request.reading, classes)
        self.view.show_draft(self.draft)
        if self.running:
            self.view.show_running(self._written[0], len(self._indices()))
        else:
            self.view.show_idle()
        self._ask_preview()

    def change(self, **changes: Any) -> None:
        """The user changed fields of the draft."""
        draft = replace(self.draft, **changes)
        if "out" in changes:
            self._chosen_out = bool(draft.out) and draft.out != str(self._propose_folder())
            self._failed_on = None
        if "format" in changes and draft.format != self.draft.format:
            draft = replace(draft, pattern="")  # a pattern made for one format does not fit another
        if draft != self.draft:
            self.draft = draft
            self.view.show_draft(draft)
            self._ask_preview()

    def start(self) -> None:
        """Writes the files of the draft: at once, or as soon as its preview tells that it can be written."""
        request, preview = self._request, self.preview
        self._hurried = self._previewing is not None and not self.running
        if self._hurried or request is None or preview is None or preview.problem is not None or self.running:
            return
        indices, classes = self._indices(), self._find_classes()
        assert classes is not None, "its preview has told that there are none"
        self._written = [0, 0, 0]
        job = work.export(self.draft, request, self._checkpoint, classes, preview.format, indices)
        title = f"Exporting {len(indices):,} {'image' if len(indices) == 1 else 'images'}"
        # Behind a training that takes an hour it would never begin: then it goes between two steps
        training = any(other.kind == "train" for other in self._jobs.jobs())
        self._exporting = self._jobs.start("export", job, title=title, urgent=training)
        self._exported_of, self._failed_on = request.dataset.info, None
        self.view.show_running(0, len(indices))

    def cancel(self) -> None:
        """Stops the export; what stands complete stays, and the manifest says so."""
        if self._exporting is not None:
            self._exporting.cancel()

    # What happened ----------------------------------------------------------------------------------------------------------

    def handle(self, events: Sequence[Event]) -> None:
        progress: FileExported | None = None
        for event in events:
            match event:
                case ExportRequested():
                    self.open(event)
                case RunsListed(runs=runs):
                    self._run_names = {run.path: run.name for run in runs}
                case JobEvent(job=job, event=FileExported() as file) if self._is(self._exporting, job):
                    progress = file
                    self._written[0] = file.done
                    self._written[1] += len(file.paths)
                    self._written[2] += file.hidden_pixels
                case JobDone(job=job, result=result) if self._is(self._previewing, job):
                    self._previewing, self.preview = None, result
                    self.view.show_preview(result, self._count())
                    if self._hurried:
                        self.start()
                case JobDone(job=job, result=result) if self._is(self._exporting, job):
                    self._end(complete=True)
                case JobCancelled(job=job) if self._is(self._exporting, job):
                    self._end(complete=False)
                case JobFailed(job=job) if self._is(self._exporting, job):
                    self._exporting, self._failed_on = None, self._exported_of
                    self.view.show_idle()
                case JobCancelled(job=job) | JobFailed(job=job) if self._is(self._previewing, job):
                    self._previewing, self._hurried = None, False
        if progress is not None and self.running:
            self.view.show_running(progress.done, progress.total)

    @staticmethod
    def _is(job: Job | None, number: int) -> bool:
        return job is not None and job.number == number

    def _end(self, complete: bool) -> None:
        self._exporting = None
        samples, files, hidden = self._written
        if self.preview is not None and any(f.collects for f in self.preview.formats if f.name == self.preview.format):
            files = 1 if complete else 0
        self.view.show_done(Done(samples, files, self.draft.out, hidden, complete))

    # Work -------------------------------------------------------------------------------------------------------------------

    def _ask_preview(self) -> None:
        request, self._hurried = self._request, False
        if request is None:
            return
        try:
            indices, problem = self._indices(), None
        except SegbenchError as error:
            indices, problem = [], (error.message, error.hint)
        if not self.draft.out:
            problem = problem or ("No folder is named.", "Choose where the files go.")
        job = self._bench.preview(self.draft, request, self._checkpoint, self._find_classes(), indices, problem)
        self._previewing = self._jobs.start(
            "export preview", job, title="Previewing the export", urgent=True, newest_wins=True
        )

    def _find_classes(self) -> ClassTable | None:
        """The classes of the masks in the colours the panels show; None without masks."""
        assert self._request is not None
        info = self._checkpoint if self.draft.masks == "network" else None
        own: ClassTable | None = info.classes if info is not None else self._request.dataset.info.classes
        return self._session.recolor(own) if own is not None else None

    def _list_splits(self) -> dict[str, int]:
        """How many images each split has, that of the image one looks at first."""
        assert self._request is not None
        dataset = self._request.dataset
        own = dataset.split_of(self._request.index)
        return {name: len(dataset.splits[name]) for name in sorted(dataset.splits, key=lambda name: name != own)}

    @property
    def _span(self) -> range:
        assert self._request is not None
        dataset = self._request.dataset
        span: range = dataset.splits[self.draft.split or dataset.split_of(self._request.index)]
        return span

    def _indices(self) -> list[int]:
        request = self._request
        assert request is not None
        return list_indices(self.draft, request.index, request.selected, self._span, len(request.dataset))

    def _count(self) -> int:
        try:
            return len(self._indices())
        except SegbenchError:
            return 0

    def _name_checkpoint(self, info: CheckpointInfo) -> str:
        path = Path(info.path)
        folder = path.parent.parent
        if path.parent.name != "checkpoints":
            return path.name
        return f"{self._run_names.get(str(folder), folder.name)} – {path.stem}"

    def _propose_folder(self) -> Path:
        """One folder holds one export: the first of "shapes", "shapes 2" ... among the masks that holds nothing."""
        from segbench.settings import find_runs_folder

        assert self._request is not None
        name = Path(self._request.dataset.info.name).stem or "masks"
        folder = find_runs_folder(self._session.settings).parent / "masks"
        names = (name if number == 1 else f"{name} {number}" for number in itertools.count(1))
        return next(path for path in map(folder.joinpath, names) if _is_free(path))


def _is_free(path: Path) -> bool:
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))
