"""The viewer: pixels as they are, of the part where methods err the most."""

from __future__ import annotations

import base64
import io

import numpy as np
import torch
from PIL import Image

from rawbench.report.pictures import Decoded, DecodedImage
from rawbench.report.viewer import FORMS, draw_to_fit, draw_viewer, worst_window
from rawbench.types import Sample, SampleInfo


def image(height: int = 96, width: int = 160) -> DecodedImage:
    raw = torch.linspace(0, 1, width).expand(3, height, width).contiguous()
    srgb = (raw**0.45 * 255).round().to(torch.uint8)
    info = SampleInfo("some", "Camera", "png", "camera", height, width, "digest")
    rebuilt = raw.clone()
    rebuilt[:, 40:56, 100:120] += 0.1
    return DecodedImage(Sample(raw=raw, srgb=srgb, info=info), (Decoded("one", "p0", rebuilt.clamp(0, 1), {}),), ())


def pixels(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_a_small_image_is_shown_whole_at_its_own_size():
    seen = draw_viewer(image(), 1024)
    assert (seen.height, seen.width) == (96, 160) and seen.part == "all 160 x 96 pixels"
    assert [layer.name for layer in seen.layers] == ["sRGB", "raw", "one: rebuilt", "one: errors"]
    for layer in seen.layers:
        assert pixels(layer.address).shape == (96, 160, 3), layer.name


def test_of_a_large_one_the_part_with_the_errors():
    seen = draw_viewer(image(), 64)
    assert (seen.height, seen.width) == (64, 64)
    errors = pixels(seen.layers[-1].address).astype(int).sum(2)
    assert errors.max() > 600 and errors.min() < 60, "bright in the dark"
    rows, columns = worst_window([torch.zeros(96, 160)], (96, 160), 64)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (64, 64), "and some part where nothing errs"


def test_a_method_that_errs_everywhere_does_not_decide_alone():
    loud, quiet = torch.full((96, 160), 0.5), torch.zeros(96, 160)
    quiet[80:, :16] = 1e-4
    rows, columns = worst_window([loud, quiet], (96, 160), 32)
    assert rows.stop == 96 and columns.start == 0


def test_the_largest_form_that_fits():
    pictures, viewers = draw_to_fit([image(), image()], 10_000_000)
    assert len(viewers) == FORMS[0][2] == 2 and pictures[0].originals[0].width == 160
    pictures, viewers = draw_to_fit([image(), image()], 0)
    assert len(pictures) == 2 and len(viewers) == 1 and viewers[0].width == FORMS[-1][1]
