"""Pixels that two processes see: anonymous shared memory, which has no name and is gone with its last user.

Whoever holds the file descriptor can map it, and nobody else: that is how a decoder gets the sRGB, and nothing more.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rawbench.types import Sample, SampleInfo


@dataclass(frozen=True)
class Layout:
    """What lies in a block: the shape of a tensor and its dtype's name (``float32``)."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def bytes(self) -> int:
        """The block's size."""
        return max(1, int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize)


class Block:
    """Shared memory for one tensor on the CPU; closed by hand, or when it is forgotten.

    Attributes:
        layout: of the tensor.
        descriptor: the file descriptor that another process can be handed.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.descriptor = _anonymous_file()
        os.truncate(self.descriptor, layout.bytes)

    @classmethod
    def holding(cls, tensor: Tensor) -> Block:
        """A block with a copy of a tensor of any device."""
        values = np.ascontiguousarray(tensor.detach().cpu().numpy())
        block = cls(Layout(tuple(values.shape), str(values.dtype)))
        mapped(block.descriptor, block.layout, private=False).numpy()[...] = values
        return block

    def close(self) -> None:
        """Give the descriptor back; what is mapped stays."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __del__(self) -> None:
        self.close()


class Pixels:
    """An image in shared memory, of which everybody who works on it gets a copy of his own.

    Attributes:
        info: what is known of the image.
        raw: float32 (3, H, W).
        srgb: uint8 or uint16 (3, H, W).
    """

    def __init__(self, info: SampleInfo, raw: Block, srgb: Block) -> None:
        self.info, self.raw, self.srgb = info, raw, srgb

    @classmethod
    def of(cls, sample: Sample) -> Pixels:
        """The pixels of a sample, copied."""
        return cls(sample.info, Block.holding(sample.raw), Block.holding(sample.srgb))

    def sample(self, device: str) -> Sample:
        """A copy on a device: whatever is written into it, the next one is as the first."""
        raw, srgb = (mapped(block.descriptor, block.layout).to(device) for block in (self.raw, self.srgb))
        return Sample(replace(self.info, facts=dict(self.info.facts)), raw, srgb)


def mapped(descriptor: int, layout: Layout, private: bool = True) -> Tensor:
    """The tensor that lies in a block.

    Args:
        descriptor: of the block; may be closed afterwards.
        layout: as the block's maker had it.
        private: what is written into the tensor stays in this process; otherwise all see it.
    """
    access = mmap.ACCESS_COPY if private else mmap.ACCESS_WRITE
    memory: Any = mmap.mmap(descriptor, layout.bytes, access=access)
    return torch.from_numpy(np.frombuffer(memory, layout.dtype, int(np.prod(layout.shape))).reshape(layout.shape))


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("rawbench", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
