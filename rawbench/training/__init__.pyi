from .command import train
from .config import DataConfig, FitConfig, Renditions
from .frames import Frames
from .loop import fit
from .patches import FramePatches
from .run import FitResult
from .task import Task

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
