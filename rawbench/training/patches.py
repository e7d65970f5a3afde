"""Batches of random patches with random renditions, each a pure function of (seed, step, index).

No worker holds a random state: whoever computes a patch, whenever, computes the same one. So a resumed run
sees exactly the patches that an unbroken one would have seen, with any number of workers.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import numpy as np
from PIL import Image

from rawbench.errors import UsageError
from rawbench.training.config import Renditions
from rawbench.training.frames import Frames
from rawbench.training.seeds import TRAINING_PATCHES

_BLOCK = 16  # pixels of a JPEG MCU with 4:2:0; also the margin that chroma interpolation looks into
_PILLOW_SAMPLING = {"4:4:4": 0, "4:2:0": 2}

T = TypeVar("T")


@dataclass(frozen=True)
class FramePatches:
    """Random patches of frames, with a random rendition, flip and quarter turn each.

    raw and sRGB of a patch stay the true pair of one shot: nothing touches values but the JPEG coder.

    Args:
        frames: one split.
        side: of a patch, in pixels.
        renditions: 8-bit or JPEG, and which.
        seed: of the run.
        purpose: `TRAINING_PATCHES` or `VALIDATION_PATCHES`, of `rawbench.training.seeds`.
        samples: side of a grid of pixels of the whole frame that goes with each patch, or 0: what is fitted to an
            image in coding can be fitted to the patch's image in training.

    Raises:
        UsageError: a frame is smaller than a patch, or has no in-camera-like rendition where some are wanted.
    """

    frames: Frames
    side: int
    renditions: Renditions
    seed: int
    purpose: int = TRAINING_PATCHES
    samples: int = 0

    def __post_init__(self) -> None:
        if self.frames.smallest_side < self.side:
            smallest = self.frames.smallest_side
            raise UsageError(f"{self.frames.folder}: patches of {self.side} px from a frame of {smallest} px")
        if self.renditions.developed and not self.frames.all_developed:
            raise UsageError(f"{self.frames.folder}: renditions.developed needs frames with developed_NNNNN.npy")

    def patch(self, step: int, index: int) -> list[np.ndarray]:
        """Return raw uint16 and sRGB uint8 of a place in the run, both (side, side, 3).

        With samples, also those of the grid of its whole frame, both (samples, samples, 3).
        """
        draw = np.random.Generator(np.random.PCG64([self.seed, self.purpose, step, index]))
        frame = self.frames[int(draw.integers(len(self.frames)))]
        height, width = frame.raw.shape[:2]
        y = int(draw.integers(height - self.side + 1))
        x = int(draw.integers(width - self.side + 1))
        raw = frame.raw[y : y + self.side, x : x + self.side]
        rendition = frame.srgb
        if self.renditions.developed and draw.random() < self.renditions.developed:
            assert frame.developed is not None
            rendition = frame.developed
        if draw.random() < self.renditions.eight_bit:
            whole = rendition
            srgb = rendition[y : y + self.side, x : x + self.side]
        else:
            lowest, highest = self.renditions.jpeg_quality
            quality = int(draw.integers(lowest, highest + 1))
            sampling = self.renditions.jpeg_sampling[int(draw.integers(len(self.renditions.jpeg_sampling)))]
            srgb = jpeg_patch(rendition, y, x, self.side, quality, sampling)
            whole = jpeg_pixels(rendition, quality, sampling) if self.samples else rendition
        turns, flip = int(draw.integers(4)), bool(draw.integers(2))
        grid = np.ix_(*(np.linspace(0, size - 1, self.samples).astype(int) for size in (height, width)))
        frame_parts = [frame.raw[grid], whole[grid]] if self.samples else []
        return [_turn(raw, turns, flip), _turn(srgb, turns, flip), *frame_parts]

    def batch(self, step: int, size: int, first: int = 0) -> dict[str, np.ndarray]:
        """Return ``raw`` float32 in [0, 1] and ``srgb`` uint8, both (size, 3, side, side).

        With samples, also ``frame_raw`` and ``frame_srgb``, both (size, 3, samples, samples).

        Args:
            step: the counter's first part.
            size: number of patches.
            first: index of the first patch, so that several devices share one counter.
        """
        patches = [self.patch(step, first + position) for position in range(size)]
        parts = [np.stack([part.transpose(2, 0, 1) for part in kind]) for kind in zip(*patches, strict=True)]
        names = ("raw", "srgb", "frame_raw", "frame_srgb")
        arrays = dict(zip(names, parts, strict=False))
        return {
            name: np.divide(array, 65535, dtype=np.float32) if array.dtype == np.uint16 else array
            for name, array in arrays.items()
        }


def jpeg_patch(srgb: np.ndarray, y: int, x: int, side: int, quality: int, sampling: str) -> np.ndarray:
    """Return the patch at (y, x) as if the whole image had been a JPEG file.

    Only the blocks around the patch are coded: JPEG codes blocks apart, and the chroma interpolation of the
    decoder looks no further than one block. The patch starts anywhere in a block.

    Args:
        srgb: uint8 (H, W, 3).
        y: top row of the patch.
        x: left column of the patch.
        side: of the patch, in pixels.
        quality: of the JPEG, 1 to 100.
        sampling: chroma, "4:2:0" or "4:4:4".

    Returns:
        uint8 (side, side, 3).
    """
    top, left = (max(at // _BLOCK - 1, 0) * _BLOCK for at in (y, x))
    bottom, right = (-(-(at + side) // _BLOCK) * _BLOCK + _BLOCK for at in (y, x))
    pixels = jpeg_pixels(srgb[top:bottom, left:right], quality, sampling)
    return pixels[y - top : y - top + side, x - left : x - left + side]


def jpeg_pixels(srgb: np.ndarray, quality: int, sampling: str) -> np.ndarray:
    """Return an image, uint8 (H, W, 3), after a JPEG file of it."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(srgb)).save(
        file, "JPEG", quality=quality, subsampling=_PILLOW_SAMPLING[sampling]
    )
    with Image.open(file) as decoded:
        return np.asarray(decoded)


def _turn(patch: np.ndarray, turns: int, flip: bool) -> np.ndarray:
    turned = np.rot90(patch, turns)
    return turned[:, ::-1] if flip else turned


@contextmanager
def prefetched(compute: Callable[[int], T], start: int, workers: int) -> Iterator[Iterator[T]]:
    """Give ``compute(start)``, ``compute(start + 1)``, ... without end, computed ahead in threads.

    Args:
        compute: a pure function of its number.
        start: first number.
        workers: threads, and batches in flight; 0 computes when asked.
    """
    if workers == 0:
        yield map(compute, count(start))
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="patches")
    try:
        yield _ordered(pool, compute, start, workers)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _ordered(pool: ThreadPoolExecutor, compute: Callable[[int], T], start: int, ahead: int) -> Iterator[T]:
    waiting: deque[Future[T]] = deque()
    for number in count(start):
        waiting.append(pool.submit(compute, number))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
