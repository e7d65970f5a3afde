"""What all built-in metrics have in common."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from rawbench.metric import Metric
from rawbench.metrics import BUILT_IN, register_metrics
from rawbench.registry import Registry

XYZ_TO_CAMERA = [0.766, -0.214, -0.069, -0.353, 1.153, 0.223, -0.042, 0.106, 0.630]
DEFAULT = {
    "psnr", "psnr16", "psnr_pooled", "ssim", "ssim_uniform7", "ms_ssim", "mae", "relative_error",
}  # fmt: skip


def registry() -> Registry:
    found = Registry("metric", "rawbench.metric:Metric")
    register_metrics(lambda name, target, summary: found.add(name, target, summary, "built-in"))
    return found


@pytest.mark.parametrize("name", BUILT_IN)
def test_registered_as_it_declares_itself(name: str) -> None:
    metric = registry().load(name)
    assert issubclass(metric, Metric)
    assert metric.name == name
    assert metric.summary == registry().entry(name).summary
    assert metric.version >= 1 and metric.unit
    assert metric.default == (name in DEFAULT)
    assert metric.aggregate == ("mse" if name == "psnr_pooled" else "mean")


@pytest.mark.parametrize("name", BUILT_IN)
def test_an_exact_image_has_the_best_value(name: str, make_raw, make_sample) -> None:
    raw = make_raw(180, 176)
    metric = registry().load(name)()
    value = metric.compute(raw, raw.clone(), make_sample(raw, xyz_to_camera=XYZ_TO_CAMERA))
    if metric.unit == "dB":
        assert value == math.inf
    else:
        assert value == pytest.approx(1.0 if metric.higher_is_better else 0.0, abs=1e-12)


@pytest.mark.parametrize("name", BUILT_IN)
def test_more_noise_is_worse(name: str, make_raw, noisy, make_sample) -> None:
    raw = make_raw(180, 176)
    sample = make_sample(raw, xyz_to_camera=XYZ_TO_CAMERA)
    metric = registry().load(name)()
    little, much = (metric.compute(raw, noisy(raw, sigma), sample) for sigma in (0.002, 0.02))
    assert isinstance(little, float)
    assert little > much if metric.higher_is_better else little < much


@pytest.mark.parametrize("name", BUILT_IN)
def test_strips_do_not_change_the_value(name: str, make_raw, noisy, make_sample, monkeypatch) -> None:
    raw = make_raw(180, 176)
    decoded, sample = noisy(raw, 0.01), make_sample(raw, xyz_to_camera=XYZ_TO_CAMERA)
    metric = registry().load(name)()
    whole = metric.compute(raw, decoded, sample)
    monkeypatch.setattr("rawbench.metrics.strips.STRIP_PIXELS", 176 * 7)
    assert metric.compute(raw, decoded, sample) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("name", BUILT_IN)
def test_images_of_different_sizes_are_refused(name: str, make_raw, make_sample) -> None:
    raw = make_raw(180, 176)
    sample = make_sample(raw, xyz_to_camera=XYZ_TO_CAMERA)
    with pytest.raises(ValueError, match="different sizes"):
        registry().load(name)().compute(raw, raw[:1], sample)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", BUILT_IN)
def test_the_device_does_not_change_the_value(name: str, make_raw, noisy, make_sample) -> None:
    raw = make_raw(180, 176)
    decoded = noisy(raw, 0.001)
    metric = registry().load(name)()
    here = metric.compute(raw, decoded, make_sample(raw, xyz_to_camera=XYZ_TO_CAMERA))
    there = metric.compute(raw.cuda(), decoded.cuda(), make_sample(raw.cuda(), xyz_to_camera=XYZ_TO_CAMERA))
    assert there == pytest.approx(here, rel=1e-9)


def test_declarations_load_without_torch() -> None:
    modules = sorted({f"rawbench.metrics.{address.split(':')[0]}" for address, _ in BUILT_IN.values()})
    code = f"import sys, {', '.join(modules)}, rawbench.run.rate, rawbench.results.rd, rawbench.results.means; " + (
        "sys.exit(any(m in sys.modules for m in ('torch', 'scipy', 'matplotlib', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
