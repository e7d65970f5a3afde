"""What a measurement's environment was: versions, processor, threads. Numbers are compared with it in hand."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rawbench import __version__

LIBRARIES = (
    "torch", "compressai", "constriction", "numpy", "rawpy", "imagecodecs", "numba", "scipy",
)  # fmt: skip


def describe_environment(device: str = "cpu") -> dict[str, Any]:
    """Versions and hardware as plain JSON values; imports torch for the device's name and threads."""
    import torch

    found: dict[str, Any] = {
        "rawbench": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "device": device,
        "deterministic": {
            "algorithms": torch.are_deterministic_algorithms_enabled(),
            "onednn": torch.backends.mkldnn.enabled,
            "cudnn": torch.backends.cudnn.deterministic,
            "tf32": torch.backends.cuda.matmul.allow_tf32,
        },
        "libraries": library_versions(),
    }
    if device == "cuda":
        found["gpu"] = torch.cuda.get_device_name()
        found["cuda"] = torch.version.cuda
        found["cudnn"] = torch.backends.cudnn.version()
    return found


def library_versions() -> dict[str, str]:
    """Installed versions of what the numbers depend on; imports none of it."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def processor_name() -> str:
    """The processor's model name as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
