"""What remade weights would need: configuration, data, command, versions, and what was measured."""

from __future__ import annotations

import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from rawbench.training.frames import Frames

_PACKAGES = ("rawbench", "torch", "lightning-fabric", "numpy", "pillow", "pydantic")


def command_line() -> str:
    """Return this process's command, without the folder of the program."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a run depends on; "" if not installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = ""
    return found


def describe_frames(frames: Frames) -> dict[str, Any]:
    """Return the number of frames and scenes of a split."""
    return {"frames": len(frames), "scenes": len({row["scene"] for row in frames.rows})}
