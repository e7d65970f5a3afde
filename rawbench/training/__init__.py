"""Training of learned methods: one loop, one data pipeline, for every method that offers a `Task`.

`train` is what ``rawbench train METHOD --config FILE`` calls. Torch is imported only when something computes.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "DataConfig": "rawbench.training.config",
    "FitConfig": "rawbench.training.config",
    "FitResult": "rawbench.training.loop",
    "FramePatches": "rawbench.training.patches",
    "Frames": "rawbench.training.frames",
    "Renditions": "rawbench.training.config",
    "Task": "rawbench.training.task",
    "fit": "rawbench.training.loop",
    "train": "rawbench.training.command",
}

__all__ = [
    "DataConfig",
    "FitConfig",
    "FitResult",
    "FramePatches",
    "Frames",
    "Renditions",
    "Task",
    "fit",
    "train",
]

if TYPE_CHECKING:
    from rawbench.training.command import train
    from rawbench.training.config import DataConfig, FitConfig, Renditions
    from rawbench.training.frames import Frames
    from rawbench.training.loop import FitResult, fit
    from rawbench.training.patches import FramePatches
    from rawbench.training.task import Task


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = getattr(importlib.import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'rawbench.training' has no attribute {name!r}")
