"""The contract of a metric, in executable form.

``rawbench metrics check NAME``, or in a test suite::

    from rawbench.testing import check_metric

    def test_my_metric():
        assert not [result for result in check_metric("mine") if result.status == "fail"]
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rawbench.metric import Metric
from rawbench.plugins import Catalogue, load_plugins
from rawbench.testing.articles import Article, judge_articles
from rawbench.testing.checks import CheckResult
from rawbench.testing.contract import NotJudged

if TYPE_CHECKING:
    from torch import Tensor

    from rawbench.types import Sample

LARGE, ODD, DEEP, PLAIN = "medium", "17x33", "scene-a-16", ("constant", "black", "saturated")
# A camera of the published colour matrix of a Sony SLT-A57: metrics of rendered images ask for one.
XYZ_TO_CAMERA = [0.5991, -0.1456, -0.0455, -0.4764, 1.2135, 0.2980, -0.0707, 0.1425, 0.6701]


@dataclass
class _Measured:
    """A metric under test, and what it says of pairs of the kit's images."""

    metric: Metric

    def of(self, image: str, noise: float) -> Any:
        sample, decoded = kit_pair(image, noise)
        return self.metric.compute(sample.raw, decoded, sample)


def check_metric(name: str, catalogue: Catalogue | None = None) -> list[CheckResult]:
    """Hold a metric to the contract.

    Args:
        name: of a registered metric.
        catalogue: the plugins; None loads the installed ones.

    Raises:
        UsageError: unknown metric.
    """
    metric = (catalogue or load_plugins()).metrics.load(name)
    return judge_articles(ARTICLES, _Measured(metric()))


def kit_pair(image: str, noise: float) -> tuple[Sample, Tensor]:
    """An image of the kit as a sample, and a reconstruction that differs by noise of this standard deviation."""
    import torch

    from rawbench.testing.scenes import kit_images
    from rawbench.types import Sample, SampleInfo

    found = next(candidate for candidate in kit_images() if candidate.name == image)
    _, height, width = found.raw.shape
    rendition = "png" if found.srgb.dtype.itemsize == 1 else "png16"
    info = SampleInfo(
        found.name, "the kit", rendition, "camera", height, width, found.name, True, {"xyz_to_camera": XYZ_TO_CAMERA}
    )
    raw = torch.from_numpy(found.raw.copy())
    spread = torch.randn(raw.shape, generator=torch.Generator().manual_seed(1)) * noise
    return Sample(info, raw, torch.from_numpy(found.srgb.copy())), (raw + spread).clamp(0, 1)


def _declaration(measured: _Measured) -> Iterator[str]:
    metric = measured.metric
    if not isinstance(metric.version, int) or metric.version < 1:
        yield f"version is {metric.version!r}, not a number from 1"
    for name in ("name", "unit", "summary"):
        if not isinstance(getattr(metric, name, None), str) or not getattr(metric, name).strip():
            yield f"{name} is {getattr(metric, name, None)!r}, not a text"
    if not isinstance(metric.higher_is_better, bool):
        yield f"higher_is_better is {metric.higher_is_better!r}, not true or false"
    if metric.aggregate not in ("mean", "mse"):
        yield f"aggregate is {metric.aggregate!r}, not mean or mse"


def _number(measured: _Measured) -> Iterator[str]:
    value = measured.of(LARGE, 0.01)
    if not isinstance(value, int | float):
        yield f"compute returned {type(value).__name__}, not a number"
    elif not math.isfinite(value):
        yield f"{value} for a noisy image of 384 x 256 pixels"


def _direction(measured: _Measured) -> Iterator[str]:
    exact, near, far = (float(measured.of(LARGE, noise)) for noise in (0.0, 0.003, 0.03))
    sign = 1 if measured.metric.higher_is_better else -1
    if not sign * exact >= sign * near >= sign * far:
        better = "higher" if measured.metric.higher_is_better else "lower"
        yield f"{better} should be better, but noise of 0, 0.003 and 0.03 gives {exact:g}, {near:g} and {far:g}"
    if near == far:
        yield f"noise of 0.003 and of 0.03 give the same, {near:g}"


def _again(measured: _Measured) -> Iterator[str]:
    first, second = measured.of(LARGE, 0.01), _Measured(type(measured.metric)()).of(LARGE, 0.01)
    if first != second and not (math.isnan(first) and math.isnan(second)):
        yield f"the same pair gives {first!r} and {second!r}"


def _inputs(measured: _Measured) -> Iterator[str]:
    import torch

    sample, decoded = kit_pair(LARGE, 0.01)
    before = sample.raw.clone(), decoded.clone(), sample.srgb.clone()
    measured.metric.compute(sample.raw, decoded, sample)
    for name, old, new in zip(("reference", "decoded", "sRGB"), before, (sample.raw, decoded, sample.srgb),
                              strict=True):  # fmt: skip
        if not torch.equal(old, new):
            yield f"compute changes the {name} that it was given"


def _sizes(measured: _Measured) -> Iterator[str]:
    for image in (ODD, "7x12", "1x1"):
        try:
            float(measured.of(image, 0.01))
        except Exception as error:
            yield f"an image of {image} raised {type(error).__name__}: {error}; not defined is NaN"


def _plain(measured: _Measured) -> Iterator[str]:
    for image in PLAIN:
        for noise in (0.0, 0.01):
            try:
                float(measured.of(image, noise))
            except Exception as error:
                yield f"an image that is {image} raised {type(error).__name__}: {error}; not defined is NaN"


def _deep(measured: _Measured) -> Iterator[str]:
    value = float(measured.of(DEEP, 0.01))
    if not math.isfinite(value):
        raise NotJudged(f"{value} beside an sRGB of 16 bits: it says nothing of such images")
    yield from ()


ARTICLES = (
    Article("declaration", "name, version, unit, direction, rule of averaging and summary are in order", _declaration),
    Article("number", "a noisy image gives a finite number", _number),
    Article("direction", "less noise is not worse", _direction),
    Article("again", "the same pair gives the same number", _again),
    Article("inputs", "the images are left as they were", _inputs),
    Article("sizes", "odd and tiny images give a number, or NaN", _sizes),
    Article("plain", "black, constant and saturated images give a number, or NaN", _plain),
    Article("depth", "an sRGB of 16 bits is taken", _deep),
)
