"""Metrics of one decoded raw. Each gets copies of its own, and one that fails takes nothing else with it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rawbench.metric import Metric
from rawbench.results.store import Measurement
from rawbench.run.failure import failure_of
from rawbench.run.shared import Block, Pixels, mapped


@dataclass(frozen=True)
class Measured:
    """The metrics of one cell.

    Attributes:
        values: a measurement for each metric, one that failed with its reason and NaN.
        seconds: that they took.
        trace: the tracebacks of those that failed.
    """

    values: tuple[Measurement, ...]
    seconds: float
    trace: str


def measure(
    metrics: Sequence[type[Metric]],
    pixels: Pixels,
    decoded: Tensor,
    device: str,
    key_of: Callable[[str, int], str],
) -> Measured:
    """All metrics of one decoded raw.

    Args:
        metrics: their classes.
        pixels: the image.
        decoded: float32 (3, H, W) on the CPU; clipped here to [0, 1].
        device: where metrics compute.
        key_of: the key of a metric's measurement, by its name and version.
    """
    started = time.perf_counter()
    clipped = Block.holding(decoded.clamp(0.0, 1.0))
    found, traces = [], []
    for metric in metrics:
        value, message = math.nan, ""
        sample = pixels.sample(device)
        try:
            with torch.inference_mode():
                copy = mapped(clipped.descriptor, clipped.layout).to(device)
                value = float(metric().compute(sample.raw, copy, sample))
        except (Exception, SystemExit) as error:
            failure = failure_of(error, metric.__module__)
            message = failure.text
            traces.append(f"metric {metric.name}: {failure.traceback}")
        key = key_of(metric.name, metric.version)
        found.append(Measurement(key, metric.name, metric.version, value, metric.unit, message))
    return Measured(tuple(found), time.perf_counter() - started, "\n".join(traces))
