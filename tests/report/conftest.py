"""Results made by hand: two methods, five rate points, three images in three renditions."""

from __future__ import annotations

import math

import pytest

from rawbench.results.facts import DatasetFacts, Environment, ImageFacts, Meta, MethodFacts, MetricFacts, Timing
from rawbench.results.means import Row
from rawbench.results.run import Run

METHODS = ("alpha", "beta:step=<2>")
RENDITIONS = ("png", "jpeg90", "jpeg100")
ENVIRONMENT = Environment(
    rawbench="0.1.0", python="3.11", system="Linux", processor="a processor", cores=2, threads=1,
    cpu_capability="AVX2", device="cpu", libraries={"torch": "2"},
)  # fmt: skip


def _row(method: int, point: int, image: int, rendition: str) -> Row:
    bpp = 0.001 * 10**point * (1 + method)
    psnr = math.inf if point == 4 and method else 45 + 5 * point + method - image - RENDITIONS.index(rendition)
    values = {"bytes": float(int(bpp * 8000)), "bpp": bpp, "psnr": psnr, "ssim": 0.99 + point / 1000}
    return Row(f"made:{rendition}", f"Camera {image % 2}", rendition, METHODS[method], f"p{point}", point,
               f"image{image}", values=values)  # fmt: skip


@pytest.fixture
def made() -> Run:
    """``beta:step=<2>`` is exact at its last rate point, and its name must be escaped."""
    rows = [_row(m, p, i, r) for r in RENDITIONS for m in (0, 1) for p in range(5) for i in range(3)]
    ceilings = {"image0": 60.0, "image1": 62.0, "image2": math.inf}
    timings = [
        Timing("made:png", "image0", m, "p2", what, "s", 10, seconds, seconds * 0.9, seconds * 1.1)
        for m in METHODS
        for what, seconds in (("encode", 0.5), ("encode/entropy", 0.2), ("decode", 0.3), ("decode/synthesis", 0.1))
    ]
    return Run(
        name="made",
        meta=Meta("rawbench-1", "0.1.0", "rawbench run", "2026-01-01T00"),
        rows=tuple(rows),
        images={
            (r.dataset, r.image): ImageFacts(
                r.dataset, r.image, r.camera, r.rendition, "camera", 100, 640, "d", True, {}, ceilings[r.image]
            )
            for r in rows
        },
        methods={m: MethodFacts(m, "x", code_digest="c") for m in METHODS},
        datasets={f"made:{r}": DatasetFacts(f"made:{r}", "made", "1") for r in RENDITIONS},
        metrics={
            "psnr": MetricFacts("psnr", 1, "dB", True, "mean", "a metric"),
            "ssim": MetricFacts("ssim", 1, "1", True, "mean", "a metric"),
        },
        environments=(ENVIRONMENT,),
        timings=tuple(timings),
    )
