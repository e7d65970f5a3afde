"""Devices by name: which one a run gets, and how to wait for it. Imports torch when it is called."""

from __future__ import annotations

from collections.abc import Callable

from rawbench.errors import UsageError


def resolve_device(device: str) -> str:
    """``auto`` -> ``cuda`` where torch can use it, else ``cpu``.

    Raises:
        UsageError: cuda is asked for and not there.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: this machine has no CUDA device that torch can use")
    return device


def synchroniser(device: str) -> Callable[[], None]:
    """What waits until a device has done all that it was given."""
    if device == "cpu":
        return lambda: None
    import torch

    return getattr(torch, device).synchronize
