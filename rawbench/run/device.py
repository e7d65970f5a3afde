"""Devices by name: which one a run gets, and how to wait for it. Imports torch when it is called.

Everything else knows two kinds, ``cpu`` and ``cuda``. Which card ``cuda`` is, is said to CUDA itself by its variable
``CUDA_VISIBLE_DEVICES``, before a process first asks for it: processes that are started beside it see the same one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from rawbench.errors import UsageError

_VISIBLE = "CUDA_VISIBLE_DEVICES"
DEVICE = r"auto|cpu|cuda(:\d{1,4})?"
"""What a device may be called: a regular expression."""


def resolve_device(device: str) -> str:
    """``auto`` -> ``cuda`` where torch can use it, else ``cpu``; ``cuda:N`` -> ``cuda``, which is the N-th card then.

    Raises:
        UsageError: a card is asked for that is not there.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind == "cuda":
        if number:
            seen = _named_gpus()
            if seen is not None and int(number) >= len(seen):
                raise UsageError(f"--device {device}: {_VISIBLE} names {len(seen)} devices, counted from 0")
            os.environ[_VISIBLE] = seen[int(number)] if seen is not None else str(int(number))
        if not torch.cuda.is_available():
            which = f"CUDA device {number}" if number else "CUDA device"
            raise UsageError(f"--device {device}: this machine has no {which} that torch can use")
    return kind


def visible_gpus() -> list[str]:
    """The cards that this process may use, as CUDA's variable names them."""
    import torch

    named = _named_gpus()
    return named if named is not None else [str(number) for number in range(torch.cuda.device_count())]


def _named_gpus() -> list[str] | None:
    value = os.environ.get(_VISIBLE)
    return None if value is None else [name.strip() for name in value.split(",") if name.strip()]


def take_gpu(gpus: Sequence[str], worker: int) -> None:
    """Give this process, a worker by its number, a card of its own, as far as they go round."""
    if gpus:
        os.environ[_VISIBLE] = gpus[worker % len(gpus)]


def synchroniser(device: str) -> Callable[[], None]:
    """What waits until a device has done all that it was given."""
    if device == "cpu":
        return lambda: None
    import torch

    return getattr(torch, device).synchronize
