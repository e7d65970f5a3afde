"""Every method of the catalogue on a device that is not there: nothing left on the CPU, and no copy for each pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fake_device import Elsewhere, FakeDevice, on_device

import rawbench
from rawbench.plugins import load_plugins
from rawbench.testing.scenes import kit_images

METHODS = sorted(set(load_plugins().methods.names()) - {"external"})
"""Without what runs programs of others."""
MOST_COPIES = 1000
"""Of one image, each way; it has 1,536 pixels. Most of them are constants of polynomials, as many for any size."""


@pytest.mark.parametrize("name", METHODS)
def test_it_codes_on_a_device(name: str) -> None:
    method = load_plugins().methods.load(name)
    options = method.Options()
    point = method.rate_points(options)[0]
    image = next(image for image in kit_images() if image.name == "pair-a")
    raw, srgb = (torch.from_numpy(np.array(pixels)) for pixels in (image.raw, image.srgb))
    with FakeDevice() as device, torch.inference_mode():
        encoder, decoder = method(options, point), method(options, point)
        encoder.setup(rawbench.Context("cuda"))
        decoder.setup(rawbench.Context("cuda"))
        device.copies.clear()
        payload = encoder.encode(on_device(raw), on_device(srgb))
        assert device.copies.total() <= MOST_COPIES, device.copies
        device.copies.clear()
        decoded = decoder.decode(payload, on_device(srgb))
        assert device.copies.total() <= MOST_COPIES, device.copies
    assert isinstance(decoded, Elsewhere) and decoded.shape == raw.shape and decoded.dtype == torch.float32
    here = method(options, point)
    here.setup(rawbench.Context())
    with torch.inference_mode():
        expected = here.decode(payload, srgb)
    assert (decoded.as_subclass(torch.Tensor) - expected).abs().max() <= here.capabilities.decode_tolerance + 1e-5


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", METHODS)
def test_it_keeps_the_contract_on_a_gpu(call, name: str) -> None:
    ended = call("check", name, "--device", "cuda", plugin=None)
    assert ended.code == 0, ended.out
