"""How methods compute: in a float32 that is float32, whatever the process has chosen for its speed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def full_precision() -> Iterator[None]:
    """Switch TF32, bfloat16 and autocast off while it lasts, and leave the switches as found.

    cuDNN's convolutions run in TF32 unless told otherwise, and a caller may have let matrix products do so, or be
    inside an autocast. Exact layers would then decode another picture, and float networks another one on each device.
    """
    switches = _switches()
    before = [getattr(place, name) for place, name, _ in switches]
    try:
        for place, name, off in switches:
            setattr(place, name, off)
        with torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False):
            yield
    finally:
        for (place, name, _), value in zip(switches, before, strict=True):
            setattr(place, name, value)


def _switches() -> list[tuple[Any, str, Any]]:
    backends: Any = torch.backends  # the stubs lag behind
    if hasattr(backends.cuda.matmul, "fp32_precision"):  # PyTorch 2.9
        places = (backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv)
        return [(place, "fp32_precision", "ieee") for place in places]
    return [(backends.cuda.matmul, "allow_tf32", False), (backends.cudnn, "allow_tf32", False)]
