"""Counts what the coder starts from: every coefficient of many simulated photographs, in random renditions.

    python -m rawbench_hybrid.learning FRAMES weights/hybrid.safetensors

makes the shipped weights. FRAMES is what ``rawbench datasets frames`` wrote (with ``--count 72 --seed 3`` and the test
scenes excluded); only its training split is read. Nothing is derived by gradients: the model codes image after image,
as it would in use, and what its counters and mixing weights are at the end is kept.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from rawbench.blocks.colour_axes import principal_rotation, rotation_matrix
from rawbench.blocks.polynomial_fitting import fit_polynomial
from rawbench.camera.renditions import jpeg_bytes
from rawbench.training.frames import Frame, Frames
from rawbench_hybrid import quantiser, range_coding, tiles
from rawbench_hybrid.bands import BandCoder, Choice, code_bands
from rawbench_hybrid.guide import fit_guide, plus
from rawbench_hybrid.model import Model, unlearned, write_model

DEVELOPED, AS_JPEG = 0.35, 0.6  # shares of in-camera-like renditions, and of JPEGs
QUALITIES = (10, 96)
STEPS_AN_IMAGE = 3
FINEST, COARSEST = -3.0, 4.0  # octaves of steps about the size of what the polynomial leaves
LARGEST_STEP, SMALLEST_STEP = 6000.0, 3.0
PRICE = 12.0  # decibels that a bit per pixel of the polynomial has to buy
LEARNING_LIMIT = 1000
MOST_USES = 24
"""How much what was learned counts beside an image's own statistics: as much as so many decisions."""


def main() -> None:
    """Read frames, write weights."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("frames", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=110)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    frames = Frames(arguments.frames, "train")
    random = np.random.default_rng(arguments.seed)
    model = unlearned(LEARNING_LIMIT)
    order = np.concatenate([random.permutation(len(frames)) for _ in range(1 + arguments.images // len(frames))])
    for number, index in enumerate(order[: arguments.images]):
        learn(model, frames[int(index)], random)
        print(f"{number + 1} of {arguments.images} images", flush=True)
    provenance = {"frames": frames.manifest_digest, "images": arguments.images, "seed": arguments.seed}
    print(write_model(arguments.out, model, MOST_USES, provenance))


def learn(model: Model, frame: Frame, random: np.random.Generator) -> None:
    """Let a model code one frame in a random rendition, at random steps of the quantiser."""
    raw = np.asarray(frame.raw).astype(np.int32)
    srgb = rendered(frame, random)
    codes = torch.from_numpy(np.ascontiguousarray(srgb.transpose(2, 0, 1)))
    target = torch.from_numpy(np.ascontiguousarray(raw.transpose(2, 0, 1)) / np.float32(tiles.PEAK)).float()
    polynomial = fit_polynomial(codes, target, 5, PRICE / codes[0].numel()).polynomial()
    error = raw - tiles.predict(polynomial, codes)
    axes = rotation_matrix(principal_rotation(error))
    left = float(np.sqrt((error.astype(np.float64) ** 2).mean()))
    octaves = random.uniform(FINEST, COARSEST, STEPS_AN_IMAGE)
    for tile in tiles.see_tiles(polynomial, codes, axes):
        bands = tiles.analyse(error[tile.window], axes)
        texture = tiles.analyse(tile.prediction, axes)
        for size in np.clip(left * 2**octaves, SMALLEST_STEP, LARGEST_STEP):
            guide = fit_guide([(bands, texture)], Choice().price * size**2, size)
            rest = plus(bands, guide.guess(texture), -1) if guide.groups else bands
            step = int(16 * size)
            coder = BandCoder(model, range_coding.COUNT)
            code_bands(coder, tile.features, step, real=[quantiser.in_steps(b, step) for b in rest])


def rendered(frame: Frame, random: np.random.Generator) -> np.ndarray:
    """A random rendition of a frame: uint8 (H, W, 3)."""
    developed = frame.developed is not None and random.random() < DEVELOPED
    srgb = np.asarray(frame.developed if developed else frame.srgb)
    if not developed and random.random() >= AS_JPEG:
        return srgb
    quality = int(random.integers(*QUALITIES))
    with Image.open(io.BytesIO(jpeg_bytes(srgb, quality))) as image:
        return np.array(image.convert("RGB"))


if __name__ == "__main__":
    main()
