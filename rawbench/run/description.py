"""What the rows of a run refer to: its methods, datasets, metrics, images and the machine, as rows of their own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from rawbench import __version__
from rawbench.keys import digest_json
from rawbench.options import validated
from rawbench.plugins import Catalogue
from rawbench.results.schema import CEILING
from rawbench.results.store import Store
from rawbench.run.environment import describe_environment
from rawbench.run.plan import Cell, DatasetSpec, MethodSpec, Plan


def describe_run(store: Store, plan: Plan, catalogue: Catalogue, device: str, command: str) -> str:
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
    store.put_rows("metrics", [_metric_row(catalogue.metrics.load(name)) for name in plan.metrics])
    images = {(c.dataset.label, c.image.id): c for c in plan.cells}
    before = {(row["dataset"], row["image"], row["source_digest"]): row[CEILING] for row in store.table("images")}
    store.put_rows("images", [_image_row(cell, before) for cell in images.values()])
    return digest


def _method_row(spec: MethodSpec, catalogue: Catalogue) -> dict[str, Any]:
    codec = catalogue.methods.load(spec.name)
    options = validated(codec.Options, spec.options)
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


def _dataset_row(spec: DatasetSpec) -> dict[str, Any]:
    return {"dataset": spec.label, "name": spec.name, "revision": spec.revision, "options": spec.options}


def _metric_row(metric: Any) -> dict[str, Any]:
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
