"""Results made by hand: two methods, five rate points, three images in three renditions."""

from __future__ import annotations

import math

import pytest

from rawbench.results.means import Row
from rawbench.results.measured import Results, Timing

METHODS = ("alpha", "beta:step=<2>")
RENDITIONS = ("png", "jpeg90", "jpeg100")
ENVIRONMENT = {
    "rawbench": "0.1.0", "python": "3.11", "system": "Linux", "processor": "a processor", "cores": 2, "threads": 1,
    "cpu_capability": "AVX2", "device": "cpu", "libraries": {"torch": "2"},
}  # fmt: skip


def _row(method: int, point: int, image: int, rendition: str) -> Row:
    bpp = 0.001 * 10**point * (1 + method)
    psnr = math.inf if point == 4 and method else 45 + 5 * point + method - image - RENDITIONS.index(rendition)
    values = {"bytes": float(int(bpp * 8000)), "bpp": bpp, "psnr": psnr, "ssim": 0.99 + point / 1000}
    return Row(f"made:{rendition}", f"Camera {image % 2}", rendition, METHODS[method], f"p{point}", point,
               f"image{image}", values=values)  # fmt: skip


@pytest.fixture
def made() -> Results:
    """``beta:step=<2>`` is exact at its last rate point, and its name must be escaped."""
    rows = [_row(m, p, i, r) for r in RENDITIONS for m in (0, 1) for p in range(5) for i in range(3)]
    image = {"height": 100, "width": 640, "simulated": 1, "source_digest": "d", "raw_space": "camera", "facts": {}}
    ceilings = {"image0": 60.0, "image1": 62.0, "image2": math.inf}
    described = {"name": "x", "options": {}, "identity": {}, "format_version": 1, "code_digest": "c", "complexity": {}}
    metric = {"version": 1, "higher_is_better": 1, "aggregate": "mean", "unit": "dB", "summary": "a metric"}
    timings = [
        Timing("made:png", "image0", m, "p2", what, "s", 10, seconds, seconds * 0.9, seconds * 1.1)
        for m in METHODS
        for what, seconds in (("encode", 0.5), ("encode/entropy", 0.2), ("decode", 0.3), ("decode/synthesis", 0.1))
    ]
    return Results(
        name="made",
        meta={"protocol": "rawbench-1", "command": "rawbench run", "rawbench": "0.1.0", "last_run": "2026-01-01T00"},
        rows=tuple(rows),
        messages={},
        images={
            (r.dataset, r.image): {
                **image,
                "dataset": r.dataset,
                "image": r.image,
                "camera": r.camera,
                "rendition": r.rendition,
                "ceiling_psnr": ceilings[r.image],
            }
            for r in rows
        },
        methods={m: described for m in METHODS},
        datasets={f"made:{r}": {"name": "made", "revision": "1", "options": {}} for r in RENDITIONS},
        metrics={"psnr": metric, "ssim": {**metric, "unit": "1"}},
        environments=(ENVIRONMENT,),
        timings=tuple(timings),
    )
