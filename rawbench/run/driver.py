"""A run: a plan, minus what its store holds, through an executor into the store.

The driver is the only writer of the store. A run that is stopped, by Ctrl-C or by SIGKILL, goes on from where it was
when the same command is given again.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from rawbench import __version__
from rawbench.errors import RawbenchError
from rawbench.executor import Work, WorkerDied
from rawbench.keys import digest_json
from rawbench.plugins import Catalogue
from rawbench.results.schema import CEILING
from rawbench.results.store import Outcome, Store
from rawbench.run.cell import Job, close_benches, prepare_job, run_job
from rawbench.run.config import RunConfig
from rawbench.run.environment import describe_environment
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
        skipped: cells that their method does not claim to do, now or before.
    """

    folder: Path
    cells: int
    reused: int
    failed_before: tuple[str, ...]
    failed: tuple[str, ...]
    skipped: int


def default_folder(plan: Plan, config: RunConfig) -> Path:
    """``rawbench-runs/DATASET-DIGEST``: the same command finds the same folder again, and so resumes."""
    part = f"-{config.shard.replace('/', 'of')}" if config.shard else ""
    if config.name:
        return Path("rawbench-runs") / f"{config.name}{part}"
    identity = digest_json([config.dataset, config.split, sorted(m.label for m in plan.methods), config.seed])
    name = "+".join(spec.name for spec in plan.datasets)
    return Path("rawbench-runs") / f"{name}-{identity[:8]}{part}"


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
        RawbenchError: the folder cannot be written.
    """
    streams = folder / "streams"
    with Store.create(folder) as store:
        try:
            streams.mkdir(exist_ok=True)
            for leftover in streams.glob("*.tmp"):
                leftover.unlink()
        except OSError as error:
            raise RawbenchError(f"cannot write {streams}: {error.strerror}") from None
        environment = _describe(store, plan, catalogue, device, command)
        store.adopt(cell.key for cell in plan.cells)
        known = store.finished()
        lacking = {(row["dataset"], row["image"]) for row in store.table("images") if row[CEILING] is None}
        jobs = _jobs(plan, known, lacking, streams, config, catalogue, rerun)
        progress.start(len(plan.cells), len(plan.cells) - len(jobs))
        left = [known[cell.key] for cell in plan.cells if _stays_failed(cell, known, rerun)]
        failed_before = tuple(row["message"] for row in left if row["status"] != "skipped")
        failed, skipped = [], len(left) - len(failed_before)
        order = _rate_order(plan)
        for cell, outcome in _execute(jobs, config, catalogue):
            store.put_outcome(_place(cell, order, environment), outcome)
            catalogue.manager.hook.cell_finished(outcome=outcome)
            progress.finished(cell, outcome)
            if outcome.status == "skipped":
                skipped += 1
            elif outcome.status != "ok":
                failed.append(outcome.message)
    return Summary(folder, len(plan.cells), len(plan.cells) - len(jobs), failed_before, tuple(failed), skipped)


def _execute(jobs: list[Job], config: RunConfig, catalogue: Catalogue) -> Iterator[tuple[Cell, Outcome]]:
    wants_processes = config.jobs > 1 or config.timeout_seconds is not None
    name = config.executor or ("process" if wants_processes else "serial")
    executor = catalogue.executors.load(name)(config.jobs, config.timeout_seconds)
    try:
        with closing(executor.map_unordered(Work(run_job, prepare_job), jobs)) as answers:
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
        if row and not missing:
            continue
        names = tuple(name for name in plan.metrics if any(name == m for m, _ in missing))
        digest = row["stream_digest"] if row else None
        ceiling = (cell.dataset.label, cell.image.id) in lacking
        jobs.append(Job(cell, names, streams, catalogue.extra, digest, ceiling, threads))
    return jobs


def _stays_failed(cell: Cell, known: Mapping[str, Mapping[str, Any]], rerun: str | None) -> bool:
    return rerun is None and cell.key in known and known[cell.key]["status"] != "ok"


def _rate_order(plan: Plan) -> dict[tuple[str, int], int]:
    """Place of each rate point in its method's order, fewest bytes first."""
    order: dict[tuple[str, int], int] = {}
    for cell in plan.cells:
        taken = sum(1 for label, _ in order if label == cell.method.label)
        order.setdefault((cell.method.label, cell.rate_point.index), taken)
    return order


def _place(cell: Cell, order: Mapping[tuple[str, int], int], environment: str) -> dict[str, Any]:
    return {
        "method": cell.method.label,
        "rate_point_index": cell.rate_point.index,
        "rate_point": cell.rate_point.name,
        "rate_order": order[cell.method.label, cell.rate_point.index],
        "dataset": cell.dataset.label,
        "image": cell.image.id,
        "device": cell.device,
        "seed": cell.seed,
        "environment": environment,
        "recorded": {},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _describe(store: Store, plan: Plan, catalogue: Catalogue, device: str, command: str) -> str:
    """Write down what the rows refer to; returns the environment's digest."""
    environment = describe_environment(device)
    digest = digest_json(environment)[:16]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    commands = [*store.meta().get("command", "").splitlines(), command]
    kept = "\n".join(dict.fromkeys(line for line in commands if line))
    store.put_meta({"rawbench": __version__, "protocol": plan.protocol, "command": kept, "last_run": now})
    store.put_rows("environments", [{"environment": digest, "json": environment}])
    store.put_rows("methods", [_method_row(spec, catalogue) for spec in plan.methods])
    store.put_rows("datasets", [_dataset_row(spec) for spec in plan.datasets])
    store.put_rows("metrics", [metric_row(catalogue.metrics.load(name)) for name in plan.metrics])
    images = {(c.dataset.label, c.image.id): c for c in plan.cells}
    before = {(row["dataset"], row["image"], row["source_digest"]): row[CEILING] for row in store.table("images")}
    store.put_rows("images", [_image_row(cell, before) for cell in images.values()])
    return digest


def _method_row(spec: Any, catalogue: Catalogue) -> dict[str, Any]:
    from dataclasses import asdict

    codec = catalogue.methods.load(spec.name)
    options = codec.Options.model_validate(dict(spec.options))
    complexity: Mapping[str, float] = {}
    with suppress(Exception):
        complexity = codec.complexity(options)
    return {
        "method": spec.label,
        "name": spec.name,
        "options": spec.options,
        "format_version": spec.format_version,
        "code_digest": spec.code_digest,
        "identity": spec.identity,
        "capabilities": asdict(codec.capabilities_of(options)),
        "complexity": complexity,
    }


def _dataset_row(spec: Any) -> dict[str, Any]:
    return {"dataset": spec.label, "name": spec.name, "revision": spec.revision, "options": spec.options}


def metric_row(metric: Any) -> dict[str, Any]:
    """A metric's declaration, as it is kept with the results."""
    return {
        "metric": metric.name,
        "version": metric.version,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "aggregate": metric.aggregate,
        "summary": metric.summary,
    }


def _image_row(cell: Cell, ceilings: Mapping[tuple[str, str, str], float | None]) -> dict[str, Any]:
    info = cell.image
    return {
        "dataset": cell.dataset.label,
        "image": info.id,
        "camera": info.camera,
        "rendition": info.rendition,
        "raw_space": info.raw_space,
        "height": info.height,
        "width": info.width,
        "source_digest": info.source_digest,
        "simulated": info.simulated,
        "facts": info.facts,
        CEILING: ceilings.get((cell.dataset.label, info.id, info.source_digest)),
    }
