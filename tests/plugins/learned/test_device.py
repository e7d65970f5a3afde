"""On a GPU nothing may be left on the CPU, nothing copied needlessly, and nothing computed in less than float32."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from fake_device import Elsewhere, FakeDevice, on_device
from rawbench_learned.coding import Coder
from rawbench_learned.cvpr import CvprCoder, cvpr_coder
from rawbench_learned.journal import JournalCoder, journal_coder
from rawbench_learned.serial import SerialCoder
from rawbench_learned.weights import read_weights
from torch.overrides import TorchFunctionMode

from .conftest import scene

QUALITY = 200
PRODUCTS = {"conv2d", "linear", "matmul", "__matmul__", "__rmatmul__", "bmm", "mm", "einsum", "addmm", "baddbmm"}


class LowPrecision(TorchFunctionMode):
    """Products as a GPU computes them where TF32 is let: both factors rounded to 10 bits. Counts what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = self.spoilt = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if getattr(func, "__name__", "") in PRODUCTS:
            self.seen += 1
            place = torch.backends.cudnn.conv if func.__name__ == "conv2d" else torch.backends.cuda.matmul
            if place.fp32_precision != "ieee":
                self.spoilt += 1
                args = [_tf32(x) if isinstance(x, torch.Tensor) and x.dtype == torch.float32 else x for x in args]
        return func(*args, **(kwargs or {}))


def _tf32(x: torch.Tensor) -> torch.Tensor:
    return ((x.view(torch.int32) + (1 << 12)) & ~((1 << 13) - 1)).view(torch.float32)


def coder_of(kind: type, weights_file, device: str) -> Coder | JournalCoder | CvprCoder:
    if kind is JournalCoder:
        return journal_coder.__wrapped__("small", 512, device)
    if kind is CvprCoder:
        return cvpr_coder.__wrapped__(512, device)
    return kind(read_weights(weights_file, device))


@pytest.mark.parametrize("kind", [Coder, SerialCoder, JournalCoder, CvprCoder])
def test_a_stream_is_the_same_on_the_device(weights_file, kind):
    raw, srgb = scene(48, 64, 3)
    here = coder_of(kind, weights_file, "cpu")
    stream, _ = here.encode(raw, srgb, QUALITY)
    with FakeDevice() as device:
        there = coder_of(kind, weights_file, "cuda")
        device.copies.clear()
        assert there.encode(on_device(raw), on_device(srgb), QUALITY)[0] == stream
        encoding = dict(device.copies)
        device.copies.clear()
        decoded = there.decode(stream, on_device(srgb), QUALITY)
        decoding = dict(device.copies)
        assert isinstance(decoded, Elsewhere) and decoded.device.type == "cuda"
        latents = there.latents(stream, on_device(srgb), QUALITY)
    assert torch.equal(latents.as_subclass(torch.Tensor), here.latents(stream, srgb, QUALITY))
    far = (decoded.as_subclass(torch.Tensor) - here.decode(stream, srgb, QUALITY)).abs().max()
    assert far <= 1e-5
    # A few for each context step, of which the serial one has 49 on 12 x 16 latent pixels.
    most = 400 if kind is SerialCoder else 80
    assert sum(encoding.values()) <= most and sum(decoding.values()) <= most, (encoding, decoding)


@pytest.mark.parametrize("kind", [Coder, SerialCoder, JournalCoder, CvprCoder])
@pytest.mark.parametrize("chosen", ["high", "medium"])
def test_low_precision_for_the_process_is_not_ours(weights_file, kind, chosen):
    raw, srgb = scene(32, 48, 3)
    coder = coder_of(kind, weights_file, "cpu")
    stream, _ = coder.encode(raw, srgb, QUALITY)
    expected = coder.decode(stream, srgb, QUALITY)
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision(chosen)
        with torch.autocast("cpu", torch.bfloat16), LowPrecision() as mode:
            assert coder.encode(raw, srgb, QUALITY)[0] == stream
            decoded = coder.decode(stream, srgb, QUALITY)
            assert torch.equal(coder.latents(stream, srgb, QUALITY), coder.latents(stream, srgb, QUALITY))
        assert torch.get_float32_matmul_precision() == chosen
    finally:
        torch.set_float32_matmul_precision(before)
    assert mode.seen > 20 and not mode.spoilt
    assert decoded.dtype == torch.float32 and (decoded - expected).abs().max() <= 1e-5


def test_the_emulation_would_be_noticed(weights_file):
    coder = coder_of(Coder, weights_file, "cpu")
    raw, srgb = scene(32, 48, 3)
    decode: Callable[..., torch.Tensor] = Coder.decode.__wrapped__.__wrapped__  # without its guards
    stream, _ = coder.encode(raw, srgb, QUALITY)
    with torch.no_grad(), LowPrecision() as mode:
        spoilt = decode(coder, stream, srgb, QUALITY)
    assert mode.spoilt and not torch.equal(spoilt, coder.decode(stream, srgb, QUALITY))
