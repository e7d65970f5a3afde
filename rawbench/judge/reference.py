"""The reference: a run that somebody looked at and called right, with what to run again and the tolerances.

The file is the small JSON of a run (``rawbench.results.committed``) with two more entries, ``run`` and ``tolerances``;
whatever reads a run reads a reference too. It is made to be committed and read in a diff.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from rawbench.errors import NotComparable, RawbenchError, UsageError
from rawbench.judge.threshold import Threshold
from rawbench.results.committed import read_document, run_of, write_run
from rawbench.results.facts import Environment, MetricFacts
from rawbench.results.means import Row
from rawbench.results.run import Run, damaged
from rawbench.run.config import RunConfig

METRICS = ("psnr", "ssim")
TOLERANCES = {
    "bytes": "+0.5 %",
    "bytes in the same environment": "+0 byte",
    "psnr": "-0.02 dB",
    "ssim": "-0.0002",
    "bd_rate": "+0.3 %",
}
SAME = " in the same environment"
BD_METRIC = "psnr"


class WhatToRun(BaseModel):
    """The part of a run's configuration that a reference may set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    methods: tuple[str, ...]
    dataset: tuple[str, ...]
    split: str = "test"
    rate_points: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    limit: int | None = None
    seed: int = 0
    device: Literal["cpu", "cuda"] = "cpu"


class ReferenceEntries(BaseModel):
    """What a reference's file holds beside a run."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    run: WhatToRun
    tolerances: dict[str, str] = {}


@dataclass(frozen=True)
class Reference:
    """A run to be held to.

    Attributes:
        run: its numbers, with its images, metrics and environment.
        config: what to run to measure them again.
        tolerances: by name of rate or metric, and ``bd_rate``; those whose name ends in ``SAME`` apply where the new
            numbers come from an environment that computes with the same.
    """

    run: Run
    config: WhatToRun
    tolerances: Mapping[str, Threshold]

    @property
    def versions(self) -> dict[str, int]:
        """Version of each metric."""
        return {name: metric.version for name, metric in self.run.metrics.items()}

    def run_config(self) -> RunConfig:
        """The run that it names."""
        return RunConfig.model_validate({**self.config.model_dump(), "metrics": tuple(self.run.metrics)})

    def lacking(self) -> str:
        """What it would need to be held to; empty where it has all."""
        if not self.run.rows:
            return "no cells"
        if not self.run.metrics:
            return "no metric"
        for name in ("bytes", *self.run.metrics, *(["bd_rate"] if BD_METRIC in self.run.metrics else [])):
            if name not in self.tolerances:
                return f"no tolerance for {name}"
        return ""

    def thresholds(self, environments: Collection[Environment]) -> dict[str, Threshold]:
        """The tolerances that apply to numbers of these environments.

        Those for the same environment, where each computes with what the reference's own does: libraries, processor's
        vector level, threads, deterministic switches.
        """
        mine = {environment.computes_with for environment in self.run.environments}
        same = len(mine) == 1 and mine == {environment.computes_with for environment in environments}
        found = {name: t for name, t in self.tolerances.items() if not name.endswith(SAME)}
        if same:
            found |= {n.removesuffix(SAME): t for n, t in self.tolerances.items() if n.endswith(SAME)}
        return found


def read_reference(path: Path) -> Reference:
    """Read a reference file.

    Raises:
        UsageError: it is missing, damaged or no reference.
        NotComparable: it has another format.
    """
    document = read_document(path)
    if "run" not in document:
        raise UsageError(f"{path} is a run, but no reference (it does not say what to run)")
    with damaged(path):
        entries = ReferenceEntries.model_validate(document)
    run = run_of(document, path)
    try:
        tolerances = parse_tolerances(entries.tolerances, run.metrics)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return Reference(run, entries.run, tolerances)


def parse_tolerances(texts: Mapping[str, str], metrics: Mapping[str, MetricFacts]) -> dict[str, Threshold]:
    """Read tolerances, each with the sign of what is worse.

    Raises:
        UsageError: names the one that is none, or that would let every worse value pass.
    """
    found = {}
    for name, text in texts.items():
        threshold = Threshold.parse(text)
        what = name.removesuffix(SAME)
        worse = -1 if what in metrics and metrics[what].higher_is_better else 1
        if threshold.sign != worse and (what in metrics or what in ("bytes", "bd_rate")):
            raise UsageError(f"tolerance {name} {text!r}: {'less' if worse < 0 else 'more'} is what is worse")
        found[name] = threshold
    return found


def write_reference(reference: Reference, path: Path) -> None:
    """Write a reference file.

    Raises:
        RawbenchError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RawbenchError(f"cannot write {path}: {error.strerror}") from None
    config = reference.config.model_dump(mode="json", exclude_defaults=True)
    tolerances = {name: threshold.text for name, threshold in reference.tolerances.items()}
    write_run(reference.run, path, {"run": config, "tolerances": tolerances})


def make_reference(run: Run, config: RunConfig, tolerances: Mapping[str, Threshold]) -> Reference:
    """Make a reference of a run.

    Args:
        run: every cell must have gone well.
        config: what was run.
        tolerances: see ``default_tolerances``.

    Raises:
        NotComparable: nothing was measured, or in more than one environment.
        RawbenchError: a cell failed.
    """
    failed = list(run.messages.values())
    if failed:
        raise RawbenchError(f"no reference of a run with {len(failed)} failed cells; the first: {failed[0]}")
    if not run.rows:
        raise NotComparable("no reference of a run that measured nothing")
    if len(run.environments) != 1:
        raise NotComparable(f"the run was measured in {len(run.environments)} environments; repeat it in one")
    names = ("bytes", "bpp", *run.metrics)
    rows = tuple(replace(r, values={n: r.values[n] for n in names if n in r.values}, facts={}) for r in run.rows)
    return Reference(replace(run, rows=rows, timings=()), _what_to_run(run, config), tolerances)


def _what_to_run(run: Run, config: RunConfig) -> WhatToRun:
    """The run's configuration with every name resolved, so that a method added later does not join it."""
    kept: dict[str, Any] = config.model_dump(include={"split", "rate_points", "images", "limit", "seed"})
    kept |= {"methods": dict.fromkeys(row.method for row in run.rows)}
    kept |= {"dataset": dict.fromkeys(row.dataset for row in run.rows), "device": run.environments[0].device}
    return WhatToRun.model_validate({k: tuple(v) if isinstance(v, dict) else v for k, v in kept.items()})


def part_of(
    run: Run,
    methods: Collection[str],
    datasets: Collection[str],
    images: Collection[str],
    rate_points: Collection[str],
    metrics: Collection[str],
) -> Run:
    """The part of a run that has these names; an empty collection leaves all, but for metrics."""

    def wanted(row: Row) -> bool:
        pairs = ((row.method, methods), (row.dataset, datasets), (row.image, images), (row.rate_point, rate_points))
        return all(not names or name in names for name, names in pairs)

    rows = tuple(row for row in run.rows if wanted(row))
    shown = {(row.dataset, row.image) for row in rows}
    names = {row.method for row in rows}
    return replace(
        run,
        rows=rows,
        images={key: image for key, image in run.images.items() if key in shown},
        methods={label: method for label, method in run.methods.items() if label in names},
        datasets={label: dataset for label, dataset in run.datasets.items() if any(d == label for d, _ in shown)},
        metrics={name: metric for name, metric in run.metrics.items() if name in metrics},
    )


def default_tolerances(metrics: Mapping[str, MetricFacts]) -> dict[str, str]:
    """A tolerance for every rate and metric: 0.02 dB, or 0.1 % of the value for what is not in dB."""
    found = {name: text for name, text in TOLERANCES.items() if not name.startswith(METRICS)}
    for name, metric in metrics.items():
        sign = "-" if metric.higher_is_better else "+"
        found[name] = TOLERANCES.get(name, f"{sign}0.02 dB" if metric.unit == "dB" else f"{sign}0.1 %")
    return found
