"""float32 is float32 in every method, whatever the process has chosen for its speed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

import rawbench
from rawbench.plugins import load_plugins
from rawbench.run.coding import decode_stream, encode_stream
from rawbench.run.precision import full_precision
from rawbench.testing.scenes import kit_images

METHODS = sorted(set(load_plugins().methods.names()) - {"external"})
"""Without what runs programs of others."""
SYSTEMS = [(name, {}) for name in METHODS] + [("learned", {"generation": 2}), ("learned", {"size": "reference"})]
CONVOLUTIONS = {"conv2d", "conv_transpose2d"}
PRODUCTS = {"linear", "matmul", "__matmul__", "__rmatmul__", "bmm", "mm", "einsum", "addmm", "baddbmm"}


class LowPrecision(TorchFunctionMode):
    """Products as a GPU computes them where TF32 is let: both factors rounded to 10 bits. Counts what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = self.spoilt = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in CONVOLUTIONS | PRODUCTS:
            self.seen += 1
            place = torch.backends.cudnn.conv if name in CONVOLUTIONS else torch.backends.cuda.matmul
            if place.fp32_precision != "ieee":
                self.spoilt += 1
                args = [_tf32(x) if isinstance(x, torch.Tensor) and x.dtype == torch.float32 else x for x in args]
        return func(*args, **(kwargs or {}))


def _tf32(x: torch.Tensor) -> torch.Tensor:
    return ((x.detach().view(torch.int32) + (1 << 12)) & ~((1 << 13) - 1)).view(torch.float32)


def sample() -> rawbench.Sample:
    image = next(image for image in kit_images() if image.name == "pair-a")
    raw, srgb = (torch.from_numpy(np.array(pixels)) for pixels in (image.raw, image.srgb))
    info = rawbench.SampleInfo("pair-a", "", "png", "camera", raw.shape[1], raw.shape[2], "")
    return rawbench.Sample(info, raw, srgb)


@pytest.fixture(params=["high", "medium"])
def chosen(request):
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(request.param)
    yield request.param
    assert torch.get_float32_matmul_precision() == request.param
    torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(("name", "values"), SYSTEMS)
def test_low_precision_for_the_process_is_not_a_methods(name: str, values: dict, chosen) -> None:
    method, image = load_plugins().methods.load(name), sample()
    options = method.Options(**values)
    resources = {resource: getattr(options, resource) for resource in method.resource_options}
    point = method.rate_points(options)[-1]
    stream = encode_stream(method, options, point, image, "cpu", 0).stream
    expected = decode_stream(method, resources, stream, image.srgb, "cpu").raw
    with torch.autocast("cpu", torch.bfloat16), LowPrecision() as mode:
        assert encode_stream(method, options, point, replace(image), "cpu", 0).stream == stream
        decoded = decode_stream(method, resources, stream, image.srgb, "cpu").raw
    assert not mode.spoilt and torch.equal(decoded, expected) and decoded.dtype == torch.float32
    assert mode.seen > 20 or not name.startswith("learned")


def test_the_emulation_would_be_noticed(chosen) -> None:
    method, image = load_plugins().methods.load("invisp"), sample()
    codec = method(method.Options(), rawbench.RatePoint(0, "none"))
    codec.setup(rawbench.Context())
    with torch.inference_mode(), LowPrecision() as mode:
        spoilt = codec.decode(b"", image.srgb)
    with torch.inference_mode(), full_precision():
        decoded = codec.decode(b"", image.srgb)
    assert mode.spoilt and not torch.equal(spoilt, decoded)


def test_switches_are_left_as_found() -> None:
    before = torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision
    with pytest.raises(ValueError), full_precision():
        assert torch.backends.cudnn.conv.fp32_precision == torch.backends.cuda.matmul.fp32_precision == "ieee"
        raise ValueError
    assert before == (torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision)
