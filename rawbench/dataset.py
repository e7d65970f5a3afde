"""The Dataset interface: where pairs of raw and sRGB come from.

An id is stable: the same id of the same revision gives the same pixels, on every machine. ``info`` is cheap
(no demosaicing) and its ``source_digest`` changes whenever a pixel may change.
"""

from __future__ import annotations

import abc
from pathlib import Path
from typing import Any, ClassVar

from rawbench.errors import UsageError
from rawbench.options import Options
from rawbench.types import Problem, Sample, SampleInfo


class Dataset(abc.ABC):
    """A set of images with frozen splits.

    Attributes:
        name: how users call it.
        revision: changes when ids, splits or pixels change.
        summary: one line for ``rawbench datasets list``.
    """

    name: ClassVar[str]
    revision: ClassVar[str] = "1"
    summary: ClassVar[str] = ""

    class Options(Options):
        """No options."""

    def __init__(self, options: Any) -> None:
        self.options = options

    @abc.abstractmethod
    def ids(self, split: str = "test") -> list[str]:
        """The ids of a split, in a fixed order."""

    @abc.abstractmethod
    def info(self, id: str) -> SampleInfo:
        """What is known of an image without decoding it.

        Raises:
            SampleError: the file is missing or unreadable.
        """

    @abc.abstractmethod
    def load(self, id: str) -> Sample:
        """The image: raw float32 (3, H, W) in [0, 1] and srgb uint8 or uint16 (3, H, W), on the CPU.

        Raises:
            SampleError: the file is missing, unreadable, or raw and sRGB differ in size.
        """

    def prepare(self, source: Path, root: Path) -> None:
        """Index the user's own copy of the data below ``source`` and write a manifest below ``root``."""
        raise UsageError(f"dataset {self.name}: nothing to prepare")

    def verify(self, root: Path) -> list[Problem]:
        """Files that are missing, changed, misaligned or mis-sized; an empty list when all is well."""
        return []
