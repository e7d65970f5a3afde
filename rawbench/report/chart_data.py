"""What the charts draw: plain records, made once and held once by the page."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rawbench.results.costs import FASTEST
from rawbench.results.means import Group
from rawbench.results.run import Run

# Similarities crowd below 1: what they lack is drawn, on a log axis.
SIMILARITIES = ("ssim", "ssim_uniform7", "ms_ssim")
MOST_IMAGES = 250
STAGES = ("analysis", "transfer", "entropy", "synthesis", "other")


def chart_data(run: Run, metrics: Sequence[str], typical: Mapping[tuple[str, str], str]) -> dict[str, list]:
    """The data sets that the charts draw, as lists of plain records.

    Args:
        run: the run.
        metrics: qualities to draw.
        typical: rate point by (dataset, method) that stands for the method where only one can be shown.
    """
    drawn_images = few_images(run)
    rows = [row for row in run.rows if row.status == "ok" and (row.dataset, row.image) in drawn_images]
    return {
        "cells": [_cell(row, metrics) for row in rows],
        "means": [_mean(group, metrics) for group in run.full_means],
        "cameras": [_mean(group, metrics) for group in run.by_camera if not group.failed],
        "times": list(_times(run)),
        "stages": list(_stages(run, typical)),
        "renditions": list(_renditions(run, metrics[0], typical)),
        "images": [_cell(row, metrics) for row in rows if typical.get((row.dataset, row.method)) == row.rate_point],
        "ceilings": list(_ceilings(run)),
    }  # fmt: skip


def few_images(run: Run) -> set[tuple[str, str]]:
    """The images that are drawn one by one: all, or evenly chosen ones where a page could not hold them."""
    step = -(-len(run.images) // MOST_IMAGES) or 1
    return set(list(run.images)[::step])


def few_points_note(run: Run) -> list[str]:
    """A line where not every image is drawn."""
    drawn_images, count = len(few_images(run)), len(run.images)
    return [] if drawn_images == count else [f"drawn are the points of {drawn_images} of {count} images"]


def _cell(row: Any, metrics: Sequence[str]) -> dict[str, Any]:
    found = {"method": row.method, "rate_point": row.rate_point, "image": row.image, "camera": row.camera}
    found |= {"dataset": row.dataset, "bytes": row.values["bytes"], "bpp": rounded(row.values["bpp"])}
    return found | _qualities({name: row.values.get(name) for name in metrics})


def _mean(group: Group, metrics: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"method": group.method, "rate_point": group.rate_point, "camera": group.camera}
    found |= {"dataset": group.dataset, "order": group.rate_order, "images": group.images}
    found |= {name: rounded(group.means[name].value) for name in ("bytes", "bpp")}
    return found | _qualities({name: group.means[name].value if name in group.means else None for name in metrics})


def _qualities(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Values by metric, and for similarities what is drawn."""
    lacking = {drawn(n): rounded(1 - v) for n, v in values.items() if n in SIMILARITIES and v is not None and v < 1}
    return {name: rounded(value) for name, value in values.items()} | lacking


def drawn(metric: str) -> str:
    """The field that stands for a metric on an axis."""
    return f"{metric}_lacking" if metric in SIMILARITIES else metric


def _ceilings(run: Run) -> Iterable[dict[str, Any]]:
    """The mean over all images of a dataset, over those of a camera, and each image's own; finite ones."""
    groups = [(group, "all", "") for group in run.ceilings]
    groups += [(group, "camera", group.camera) for group in run.camera_ceilings]
    for group, level, camera in groups:
        for metric, mean in group.means.items():
            if math.isfinite(mean.value):
                yield {"level": level, "dataset": group.dataset, "camera": camera, "images": group.images,
                       "metric": metric, "value": rounded(mean.value)}  # fmt: skip
    for (dataset, image), facts in run.images.items():
        if (value := rounded(facts.ceiling_psnr)) is not None:
            yield {"level": "image", "dataset": dataset, "camera": facts.camera, "image": image,
                   "metric": "psnr", "value": value}  # fmt: skip


def rounded(value: float | None) -> float | None:
    """Five significant digits, enough to draw; None for what no axis has (infinity)."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.6g}")


def _times(run: Run) -> Iterable[dict[str, Any]]:
    bpp = {(g.dataset, g.method, g.rate_point): g.means["bpp"].value for g in run.means if "bpp" in g.means}
    for timing in run.timings:
        rate = bpp.get((timing.dataset, timing.method, timing.rate_point))
        if timing.what not in ("encode", "decode") or rate is None:
            continue
        if run.images[timing.dataset, timing.image].megapixels / timing.median <= FASTEST:  # else it did nothing
            yield {
                "method": timing.method,
                "rate_point": timing.rate_point,
                "what": timing.what,
                "image": timing.image,
                "bpp": rounded(rate),
                "per_megapixel": rounded(timing.median / run.images[timing.dataset, timing.image].megapixels),
                "seconds": rounded(timing.median),
                "quartiles": f"{timing.lower:.3g} to {timing.upper:.3g} s",
                "repeats": timing.repeats,
            }


def _stages(run: Run, typical: Mapping[tuple[str, str], str]) -> Iterable[dict[str, Any]]:
    """Seconds of each stage on the first timed image; what no stage covers is ``other``."""
    done = set()
    for whole in run.timings:
        key = whole.method, whole.what
        wanted = typical.get((whole.dataset, whole.method)) == whole.rate_point
        if whole.what not in ("encode", "decode") or key in done or not wanted:
            continue
        done.add(key)
        place = (whole.method, whole.rate_point, whole.dataset, whole.image)
        parts = {
            t.what.partition("/")[2]: t.median
            for t in run.timings
            if (t.method, t.rate_point, t.dataset, t.image) == place and t.what.startswith(f"{whole.what}/")
            and t.unit == "s"
        }  # fmt: skip
        parts["other"] = max(0.0, whole.median - sum(parts.values()))
        size = run.images[whole.dataset, whole.image].megapixels
        for stage, seconds in parts.items():
            order = STAGES.index(stage) if stage in STAGES else len(STAGES)
            yield {"method": whole.method, "rate_point": whole.rate_point, "what": whole.what, "stage": stage,
                   "place": order, "per_megapixel": rounded(seconds / size), "seconds": rounded(seconds)}  # fmt: skip


def _renditions(run: Run, metric: str, typical: Mapping[tuple[str, str], str]) -> Iterable[dict[str, Any]]:
    groups = run.full_means
    renditions = {group.rendition for group in groups}
    if len(renditions) < 2:
        return
    order = {name: place for place, name in enumerate(sorted(renditions, key=rendition_order))}
    # One rate point of a method for all renditions, or the carriers could not be compared.
    chosen: dict[str, str] = {}
    for (_, method), point in typical.items():
        chosen.setdefault(method, point)
    for group in groups:
        if group.rate_point == chosen.get(group.method) and metric in group.means:
            yield {"method": group.method, "rate_point": group.rate_point, "rendition": group.rendition,
                   "order": order[group.rendition], "bpp": rounded(group.means["bpp"].value),
                   "value": rounded(group.means[metric].value)}  # fmt: skip


def rendition_order(name: str) -> tuple[float, str]:
    """The untouched rendition first, then JPEG from the best quality to the worst."""
    found = re.fullmatch(r"jpeg(\d+)(.*)", name)
    return (-float(found[1]), found[2]) if found else (-math.inf, name)


def typical_points(run: Run, bpp: float) -> dict[tuple[str, str], str]:
    """The rate point of each (dataset, method) whose mean rate is nearest to ``bpp``, by its logarithm."""
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for group in run.full_means:
        if "bpp" in group.means:
            distance = abs(math.log(group.means["bpp"].value / bpp))
            key = group.dataset, group.method
            best[key] = min(best.get(key, (math.inf, "")), (distance, group.rate_point))
    return {key: point for key, (_, point) in best.items()}


def names_of(records: Iterable[Mapping[str, Any]], field: str) -> list[str]:
    """The values of a field, each once, in order."""
    return list(dict.fromkeys(record[field] for record in records))
