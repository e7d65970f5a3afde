"""On a GPU nothing may be left on the CPU, nothing copied needlessly, one stream everywhere."""

from __future__ import annotations

import pytest
import torch
from fake_device import Elsewhere, FakeDevice, on_device
from rawbench_learned.coding import Coder
from rawbench_learned.cvpr import CvprCoder, cvpr_coder
from rawbench_learned.journal import JournalCoder, journal_coder
from rawbench_learned.serial import SerialCoder
from rawbench_learned.weights import read_weights

from .conftest import scene

QUALITY = 200


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
