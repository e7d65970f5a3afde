"""One image at its own size: all that was made of it, pixel by pixel, to be wiped and flipped between on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rawbench.report.pictures import (
    DecodedImage,
    ImagePictures,
    common_scale,
    draw_image,
    error_colours,
    errors_of,
    renderer,
    srgb_pixels,
    webp_address,
)

# Widest picture of the overview, longest side of what is seen at its own size, and for how many images: from what
# shows the most to the smallest.
FORMS = ((520, 1024, 2), (420, 768, 2), (340, 512, 1), (340, 384, 1), (260, 320, 1), (260, 256, 1), (180, 192, 1),
         (180, 128, 1))  # fmt: skip
TEXT_BYTES = 700  # of a picture's caption and markup, at most
STEP = 8  # pixels between windows that are looked at


@dataclass(frozen=True)
class Layer:
    """One way to see an image: its name, the method that made it ("" for the originals), and its address."""

    name: str
    method: str
    address: str


@dataclass(frozen=True)
class Viewer:
    """A part of an image, pixel for pixel.

    Attributes:
        title: id and camera.
        part: which pixels it shows.
        height: in pixels.
        width: in pixels.
        layers: sRGB, raw, and of each method what it rebuilt and where it erred.
    """

    title: str
    part: str
    height: int
    width: int
    layers: tuple[Layer, ...]


def draw_to_fit(images: Sequence[DecodedImage], room: int) -> tuple[list[ImagePictures], list[Viewer]]:
    """Pictures and viewers, in the largest form that a page has room for; in the smallest where it has none.

    Args:
        images: decoded; the first ones get viewers.
        room: bytes for all of them; the texts around them are counted at a fixed size.
    """
    drawn: tuple[list[ImagePictures], list[Viewer]] = [], []
    for width, side, count in FORMS:
        drawn = [draw_image(image, width) for image in images], [draw_viewer(image, side) for image in images[:count]]
        addresses = [one.address for image in drawn[0] for one in image.pictures]
        addresses += [layer.address for viewer in drawn[1] for layer in viewer.layers]
        if sum(len(address) + TEXT_BYTES for address in addresses) <= room:
            break
    return drawn


def draw_viewer(image: DecodedImage, side: int) -> Viewer:
    """The part of an image where the methods err the most.

    Args:
        image: decoded.
        side: longest side of the part, in pixels; smaller images are shown whole.
    """
    sample = image.sample
    errors = errors_of(image)
    scale = common_scale(list(errors.values()))
    rows, columns = worst_window(list(errors.values()), sample.raw.shape[-2:], side)
    render = renderer(sample)

    def layer(name: str, method: str, pixels: np.ndarray) -> Layer:
        return Layer(name, method, webp_address(pixels[rows, columns]))

    layers = [layer("sRGB", "", srgb_pixels(sample)), layer("raw", "", render(sample.raw))]
    for found in image.methods:
        erred = error_colours(errors[found.method], scale, sample.raw.shape[-1])
        layers += [layer(f"{found.method}: rebuilt", found.method, render(found.raw))]
        layers += [layer(f"{found.method}: errors", found.method, erred)]
    height, width = rows.stop - rows.start, columns.stop - columns.start
    whole = (height, width) == tuple(sample.raw.shape[-2:])
    part = f"all {width} x {height} pixels" if whole else (
        f"{width} x {height} of its {sample.raw.shape[-1]} x {sample.raw.shape[-2]} pixels, where the methods err "
        f"the most: from column {columns.start} and row {rows.start}")  # fmt: skip
    return Viewer(f"{sample.info.id}, {sample.info.camera}", part, height, width, tuple(layers))


def worst_window(errors: Sequence[torch.Tensor], size: Sequence[int], side: int) -> tuple[slice, slice]:
    """Rows and columns of the window, at most ``side`` long, whose errors are the greatest.

    Args:
        errors: (H, W) of each method; each weighs the same, however much it errs.
        size: H and W.
        side: in pixels.
    """
    height, width = (min(side, int(length)) for length in size)
    if not errors:
        return slice(0, height), slice(0, width)
    weighed = sum((error / error.mean().clamp(min=1e-12) for error in errors), torch.zeros(tuple(size)))
    sums = torch.nn.functional.avg_pool2d(weighed[None].float(), (height, width), STEP)[0]
    top, left = divmod(int(sums.argmax()), sums.shape[1])
    return slice(top * STEP, top * STEP + height), slice(left * STEP, left * STEP + width)
