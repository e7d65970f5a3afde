"""A run: a plan, minus what its store holds, through an executor into the store.

The driver is the only writer of the store. A run that is stopped, by Ctrl-C or by SIGKILL, goes on from where it was
when the same command is given again.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from rawbench.errors import RawbenchError
from rawbench.executor import Work, WorkerDied
from rawbench.keys import digest_json
from rawbench.plugins import Catalogue
from rawbench.results.latest import RUNS
from rawbench.results.schema import CEILING
from rawbench.results.store import Outcome, Store
from rawbench.run.cell import Job, close_benches, prepare_job, run_job
from rawbench.run.config import RunConfig
from rawbench.run.description import describe_run
from rawbench.run.device import take_gpu, visible_gpus
from rawbench.run.lock import locked
from rawbench.run.plan import Cell, Plan


class Progress(Protocol):
    """What is told of a run while it goes on."""

    def start(self, total: int, done: int) -> None: ...

    def finished(self, cell: Cell, outcome: Outcome) -> None: ...


@dataclass(frozen=True)
class Summary:
    """How a run ended.

    Attributes:
        folder: where its rows and streams are.
        cells: of the plan.
        reused: finished before.
        failed_before: messages of failed cells that were left as they were.
        failed: messages of the cells that failed now.
        failed_metrics: messages of the metrics that failed, now or before, of cells that did not.
        skipped: cells that their method does not claim to do, now or before.
    """

    folder: Path
    cells: int
    reused: int
    failed_before: tuple[str, ...]
    failed: tuple[str, ...]
    failed_metrics: tuple[str, ...]
    skipped: int


def default_folder(plan: Plan, config: RunConfig) -> Path:
    """``rawbench-runs/DATASET-DIGEST``: the same command finds the same folder again, and so resumes."""
    part = f"-{config.shard.replace('/', 'of')}" if config.shard else ""
    if config.name:
        return RUNS / f"{config.name}{part}"
    identity = digest_json([config.dataset, config.split, sorted(m.label for m in plan.methods), config.seed])
    name = "+".join(spec.name for spec in plan.datasets)
    return RUNS / f"{name}-{identity[:8]}{part}"


def run_plan(
    plan: Plan,
    config: RunConfig,
    catalogue: Catalogue,
    folder: Path,
    device: str,
    progress: Progress,
    rerun: str | None = None,
    command: str = "",
) -> Summary:
    """Do what a plan says, and keep every row.

    Args:
        plan: what to do.
        config: jobs, executor, timeout.
        catalogue: the plugins.
        folder: the run folder; made where there is none.
        device: ``cpu`` or ``cuda``.
        progress: is told of every cell.
        rerun: None leaves finished cells, failed ones too; ``failed`` repeats those; ``all`` repeats everything.
        command: kept with the run, behind the other ones that made it.

    Raises:
        UsageError: the executor is unknown, or cannot do what is asked of it; no folder is made then.
        RawbenchError: the folder cannot be written.
    """
    executor = _executor(config, catalogue)
    with locked(folder), Store.create(folder) as store:
        streams = _stream_folder(folder)
        environment = describe_run(store, plan, catalogue, device, command)
        store.adopt(cell.key for cell in plan.cells)
        known = store.finished()
        lacking = {(row["dataset"], row["image"]) for row in store.table("images") if row[CEILING] is None}
        jobs = _jobs(plan, known, lacking, streams, config, catalogue, rerun)
        progress.start(len(plan.cells), len(plan.cells) - len(jobs))
        before, now = _left(plan, known, jobs), _Tally()
        order = _rate_order(plan)
        for cell, outcome in _execute(jobs, executor):
            store.put_outcome(_columns(cell, order, environment, known.get(cell.key), outcome), outcome)
            catalogue.manager.hook.cell_finished(outcome=outcome)
            progress.finished(cell, outcome)
            now.count(outcome.status, troubles_of(cell, outcome))
    return _summary(folder, len(plan.cells), len(jobs), before, now)


def _summary(folder: Path, cells: int, done: int, before: _Tally, now: _Tally) -> Summary:
    """What a run came to, from what was left from before and what was done now."""
    return Summary(
        folder=folder,
        cells=cells,
        reused=cells - done,
        failed_before=tuple(before.messages),
        failed=tuple(now.messages),
        failed_metrics=tuple(before.metrics + now.metrics),
        skipped=before.skipped + now.skipped,
    )


class _Tally:
    """Counts what a run could not do."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.metrics: list[str] = []
        self.skipped = 0

    def count(self, status: str, messages: list[str]) -> None:
        if status == "skipped":
            self.skipped += 1
        elif status == "ok":
            self.metrics += messages
        else:
            self.messages += messages


def _left(plan: Plan, known: Mapping[str, Mapping[str, Any]], jobs: list[Job]) -> _Tally:
    """What an earlier run could not do, and this one does not try again."""
    before, again = _Tally(), {job.cell.key for job in jobs}
    for cell in plan.cells:
        if cell.key in known and cell.key not in again:
            row = known[cell.key]
            failed = {name: message for (name, _), message in row["failed_metrics"].items() if name in plan.metrics}
            lines = [f"{cell.title}: metric {name}: {message}" for name, message in failed.items()]
            before.count(row["status"], lines if row["status"] == "ok" else [row["message"]])
    return before


def troubles_of(cell: Cell, outcome: Outcome) -> list[str]:
    """A line for a cell without figures, or one for each of its metrics that failed."""
    if outcome.status != "ok":
        return [outcome.message]
    return [f"{cell.title}: metric {m.metric}: {m.message}" for m in outcome.measurements if m.message]


def _stream_folder(folder: Path) -> Path:
    """The folder for streams; what a run that was killed had half written is deleted, as the folder is locked."""
    streams = folder / "streams"
    try:
        streams.mkdir(exist_ok=True)
        for leftover in streams.glob("*.part"):
            leftover.unlink()
    except OSError as error:
        raise RawbenchError(f"cannot write {streams}: {error.strerror}") from None
    return streams


def _executor(config: RunConfig, catalogue: Catalogue) -> Any:
    wants_processes = config.jobs > 1 or config.timeout_seconds is not None
    name = config.executor or ("process" if wants_processes else "serial")
    return catalogue.executors.load(name)(config.jobs, config.timeout_seconds, config.address)


def _execute(jobs: list[Job], executor: Any) -> Iterator[tuple[Cell, Outcome]]:
    on_gpu = any(job.cell.device == "cuda" for job in jobs)
    work = Work(run_job, prepare_job, int(on_gpu), partial(take_gpu, visible_gpus() if on_gpu else ()))
    try:
        with closing(executor.map_unordered(work, jobs)) as answers:
            for job, answer in answers:
                if isinstance(answer, WorkerDied):
                    answer = Outcome(job.cell.key, answer.status, f"{job.cell.title}: {answer.reason}")
                yield job.cell, answer
    finally:
        close_benches()  # of an executor that runs jobs here


def _jobs(
    plan: Plan,
    known: Mapping[str, Mapping[str, Any]],
    lacking: Container[tuple[str, str]],
    streams: Path,
    config: RunConfig,
    catalogue: Catalogue,
    rerun: str | None,
) -> list[Job]:
    """The cells that are not finished: new, to be repeated, or without one of the metrics.

    Those of images whose ceiling is not known (``lacking``) ask for it.
    """
    wanted = {(name, catalogue.metrics.load(name).version) for name in plan.metrics}
    shared = max(1, (os.cpu_count() or 1) // config.jobs) if config.jobs > 1 else None
    threads = config.threads or shared
    jobs = []
    for cell in plan.cells:
        row = None if rerun == "all" else known.get(cell.key)
        if row is not None and row["status"] != "ok":
            if rerun != "failed":
                continue
            row = None
        missing = wanted - row["metrics"] if row else wanted
        if row and rerun != "failed":
            missing -= row["failed_metrics"].keys()
        if row and not missing:
            continue
        names = tuple(name for name in plan.metrics if any(name == m for m, _ in missing))
        digest = row["stream_digest"] if row else None
        ceiling = (cell.dataset.label, cell.image.id) in lacking
        jobs.append(Job(cell, names, streams, catalogue.extra, digest, ceiling, threads))
    return jobs


def _rate_order(plan: Plan) -> dict[tuple[str, int], int]:
    """Place of each rate point in its method's order, fewest bytes first."""
    order: dict[tuple[str, int], int] = {}
    for cell in plan.cells:
        taken = sum(1 for label, _ in order if label == cell.method.label)
        order.setdefault((cell.method.label, cell.rate_point.index), taken)
    return order


def _columns(
    cell: Cell, order: Mapping[tuple[str, int], int], environment: str, row: Mapping[str, Any] | None, outcome: Outcome
) -> dict[str, Any]:
    """The columns of a cell that its outcome does not have; ``row`` is what was known of it before."""
    columns = {
        "method": cell.method.label,
        "rate_point_index": cell.rate_point.index,
        "rate_point": cell.rate_point.name,
        "rate_order": order[cell.method.label, cell.rate_point.index],
        "dataset": cell.dataset.label,
        "image": cell.image.id,
        "device": cell.device,
        "seed": cell.seed,
        "environment": environment,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if "recorded" not in outcome.facts:  # the encoder was not needed again
        columns["recorded"] = row["recorded"] if row else {}
    return columns
