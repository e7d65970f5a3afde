"""The reference file: what a method gave when somebody looked at it and said that it is right.

It is one JSON, made to be committed and read in a diff: what to run, the tolerances, the environment and the digests
of the images that the numbers belong to, then a line for each cell.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from rawbench.errors import NotComparable, RawbenchError, UsageError
from rawbench.files import write_atomically
from rawbench.keys import digest_json
from rawbench.results.means import Row
from rawbench.results.measured import Results, as_lines, place_of, short
from rawbench.run.config import RunConfig

SCHEMA = 1
METRICS = ("psnr", "ssim")
TOLERANCES = {
    "bytes": "+0.5 %",
    "bytes in the same environment": "+0 byte",
    "psnr": "-0.02 dB",
    "ssim": "-0.0002",
    "bd_rate": "+0.3 %",
}
SAME = " in the same environment"


class Reference(BaseModel):
    """A reference file.

    Attributes:
        reference_schema: of this file.
        rawbench: the version that wrote it.
        protocol: the protocol id of its numbers.
        run: what to run: methods, dataset, split, rate_points, images, limit, seed, device.
        tolerances: threshold by name of rate or metric, and ``bd_rate``; see ``rawbench.judge.threshold.Threshold``.
        environment: where its numbers were measured; ``digest`` says whether another one is the same.
        metrics: version of each metric.
        images: digest of each image's pixels, by ``DATASET/IMAGE``.
        cells: method, rate_point, dataset, image, bytes, bpp and the metrics; a line each.
    """

    model_config = ConfigDict(extra="forbid")

    reference_schema: int
    rawbench: str
    protocol: str
    run: dict[str, Any]
    tolerances: dict[str, str]
    environment: dict[str, Any]
    metrics: dict[str, int]
    images: dict[str, dict[str, str]]
    cells: list[dict[str, Any]]

    def config(self) -> RunConfig:
        """The run that it names."""
        return RunConfig.model_validate({**self.run, "metrics": tuple(self.metrics)})

    def rows(self) -> list[Row]:
        """Its cells, as the rows of a run."""
        return [self._row(cell) for cell in self.cells]

    def _row(self, cell: Mapping[str, Any]) -> Row:
        place = ("method", "rate_point", "rate_order", "dataset", "image")
        image = self.images[f"{cell['dataset']}/{cell['image']}"]
        values = {k: None if v is None else float(v) for k, v in cell.items() if k not in place}
        return Row(camera=image["camera"], rendition=image["rendition"], values=values, **{k: cell[k] for k in place})


def read_reference(path: Path) -> Reference:
    """Read a reference file.

    Raises:
        UsageError: it is missing or no reference.
        NotComparable: it has another schema.
    """
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path} is no valid JSON: {error}") from None
    schema = document.get("reference_schema") if isinstance(document, dict) else None
    if schema is None:
        raise UsageError(f"{path} is no reference (no reference_schema)")
    if schema != SCHEMA:
        raise NotComparable(f"{path} has schema {schema}, this rawbench compares {SCHEMA}")
    try:
        reference = Reference.model_validate(document)
        reference.config()
        reference.rows()
    except (ValidationError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is damaged: {_first_line(error)}") from None
    return reference


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return f"{type(error).__name__}: {error}"


def write_reference(reference: Reference, path: Path) -> None:
    """Write a reference file.

    Raises:
        RawbenchError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RawbenchError(f"cannot write {path}: {error.strerror}") from None
    write_atomically(path, (as_lines(reference.model_dump(mode="json")) + "\n").encode())


def make_reference(results: Results, config: RunConfig, version: str, tolerances: Mapping[str, str]) -> Reference:
    """Make a reference of a run.

    Args:
        results: the run; every cell must have gone well.
        config: what was run.
        version: of rawbench.
        tolerances: see ``default_tolerances``.

    Raises:
        NotComparable: nothing was measured, or in more than one environment.
        RawbenchError: a cell failed.
    """
    failed = [message for message in results.messages.values() if message]
    if failed:
        raise RawbenchError(f"no reference of a run with {len(failed)} failed cells; the first: {failed[0]}")
    if not results.rows:
        raise NotComparable("no reference of a run that measured nothing")
    if len(results.environments) != 1:
        raise NotComparable(f"the run was measured in {len(results.environments)} environments; repeat it in one")
    versions = {name: metric["version"] for name, metric in results.metrics.items()}
    return Reference(
        reference_schema=SCHEMA,
        rawbench=version,
        protocol=results.meta["protocol"],
        run=_run(results, config),
        tolerances=dict(tolerances),
        environment=environment_of(results.environments[0]),
        metrics=versions,
        images={f"{d}/{i}": _image(image) for (d, i), image in results.images.items()},
        cells=[_cell(row, versions) for row in results.rows],
    )


def part_of(
    results: Results,
    methods: Collection[str],
    datasets: Collection[str],
    images: Collection[str],
    rate_points: Collection[str],
    metrics: Collection[str],
) -> Results:
    """The part of a run that has these names; an empty collection leaves all, but for metrics."""

    def wanted(row: Row) -> bool:
        pairs = ((row.method, methods), (row.dataset, datasets), (row.image, images), (row.rate_point, rate_points))
        return all(not names or name in names for name, names in pairs)

    rows = tuple(row for row in results.rows if wanted(row))
    places = {place_of(row) for row in rows}
    shown = {(row.dataset, row.image) for row in rows}
    return replace(
        results,
        rows=rows,
        messages={place: message for place, message in results.messages.items() if place in places},
        images={key: image for key, image in results.images.items() if key in shown},
        metrics={name: metric for name, metric in results.metrics.items() if name in metrics},
    )


def _run(results: Results, config: RunConfig) -> dict[str, Any]:
    """The run's configuration with every name resolved, so that a method added later does not join it."""
    kept = config.model_dump(mode="json", include={"split", "rate_points", "images", "limit", "seed"})
    kept = {key: value for key, value in kept.items() if value not in (None, [])}
    methods = list(dict.fromkeys(row.method for row in results.rows))
    datasets = list(dict.fromkeys(row.dataset for row in results.rows))
    return {"methods": methods, "dataset": datasets, **kept, "device": results.environments[0]["device"]}


def _image(image: Mapping[str, Any]) -> dict[str, str]:
    return {"digest": image["source_digest"], "camera": image["camera"], "rendition": image["rendition"]}


def _cell(row: Row, metrics: Iterable[str]) -> dict[str, Any]:
    place = {"method": row.method, "rate_point": row.rate_point, "rate_order": row.rate_order}
    place |= {"dataset": row.dataset, "image": row.image}
    size = row.values["bytes"]
    assert size is not None
    values: dict[str, Any] = {"bytes": int(size), "bpp": short(row.values["bpp"])}
    return place | values | {name: short(row.values.get(name)) for name in metrics}


def default_tolerances(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A tolerance for every rate and metric: 0.02 dB, or 0.1 % of the value for what is not in dB."""
    found = {name: text for name, text in TOLERANCES.items() if not name.startswith(("psnr", "ssim"))}
    for name, metric in metrics.items():
        sign = "-" if metric["higher_is_better"] else "+"
        found[name] = TOLERANCES.get(name, f"{sign}0.02 dB" if metric["unit"] == "dB" else f"{sign}0.1 %")
    return found


def environment_of(environment: Mapping[str, Any]) -> dict[str, Any]:
    """What decides whether bytes must be the same: library versions and what the processor computes with."""
    kept = {key: environment[key] for key in ("system", "device", "cpu_capability", "libraries")}
    kept["gpu"] = environment.get("gpu", "none")
    return {"digest": digest_json(kept)[:16], **kept}
