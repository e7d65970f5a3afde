"""The most memory that this process held since it was last asked to forget its peak."""

from __future__ import annotations

import re
import resource
from contextlib import suppress
from pathlib import Path

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def forget_peak() -> None:
    """Start a new peak of resident memory, from what is held now; where Linux does not allow it, the old one stays."""
    with suppress(OSError):
        _FORGET.write_text("5")


def peak_resident_bytes() -> int:
    """The peak of this process's resident memory since ``forget_peak``, or since its start."""
    with suppress(OSError):
        if found := re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE):
            return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
