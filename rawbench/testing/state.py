"""The state of a process that a method must leave as it found it."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import locale
import os
import pickle
import random
import resource
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

_LIMITS = [value for name, value in sorted(vars(resource).items()) if name.startswith("RLIMIT_")]
# Their values say nothing to a reader.
_UNREADABLE = ("limits of resources", "signal handlers", "hooks of the interpreter", "standard streams")


def firm_state() -> dict[str, str]:
    """State that nothing has a reason to touch, not even the first import of a library."""
    read: dict[str, Callable[[], Any]] = {
        "the number of torch threads": torch.get_num_threads,
        "the number of torch interop threads": torch.get_num_interop_threads,
        "torch's default dtype": torch.get_default_dtype,
        "torch's default device": torch.get_default_device,
        "torch's gradient mode": torch.is_grad_enabled,
        "torch's deterministic-algorithms flag": torch.are_deterministic_algorithms_enabled,
        "torch's float32 matmul precision": torch.get_float32_matmul_precision,
        "torch.backends.mkldnn.enabled": lambda: torch.backends.mkldnn.enabled,
        "torch.backends.cuda.matmul.allow_tf32": lambda: torch.backends.cuda.matmul.allow_tf32,
        "torch's random state": lambda: _digest(torch.get_rng_state().numpy().tobytes()),
        "torch's random state on cuda": _cuda_random_state,
        "numpy's global random state": lambda: _digest(pickle.dumps(np.random.get_state())),
        "Python's random state": lambda: _digest(repr(random.getstate()).encode()),
        "numpy's error handling": np.geterr,
        "the locale": lambda: locale.setlocale(locale.LC_ALL),
        "the current folder": os.getcwd,
        "torch's handling of denormal numbers": lambda: bool((torch.tensor([1e-40]) * 1).item()),
        "torch's autocast": torch.is_autocast_enabled,
        "the garbage collector": gc.isenabled,
        "the recursion limit": sys.getrecursionlimit,
        "the file mode mask": _file_mode_mask,
        "the priority of the process": lambda: os.getpriority(os.PRIO_PROCESS, 0),
        "the processors that may be used": lambda: sorted(os.sched_getaffinity(0)),
        "limits of resources": lambda: [resource.getrlimit(kind) for kind in _LIMITS],
        "signal handlers": lambda: [signal.getsignal(kind) for kind in sorted(signal.valid_signals())],
        "hooks of the interpreter": lambda: [sys.excepthook, threading.excepthook, sys.gettrace(), sys.getprofile()],
        "standard streams": lambda: [sys.stdin, sys.stdout, sys.stderr],
    }
    for flag in ("enabled", "benchmark", "deterministic", "allow_tf32"):
        read[f"torch.backends.cudnn.{flag}"] = partial(getattr, torch.backends.cudnn, flag)
    state = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, function in read.items():
            with contextlib.suppress(RuntimeError, AttributeError, OSError):
                state[name] = str(function())
    return state


class LooseState:
    """State that libraries change when they are imported for the first time, and nothing may change later."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._filters = list(warnings.filters)
        self._path = list(sys.path)

    def restore(self) -> None:
        os.environ.clear()
        os.environ.update(self._environment)
        warnings.filters[:] = self._filters  # type: ignore[index]
        sys.path[:] = self._path

    def changes(self) -> list[str]:
        """What differs now."""
        now = dict(os.environ)
        found = [
            f"the environment variable {key}"
            for key in sorted({*now, *self._environment})
            if now.get(key) != self._environment.get(key)
        ]
        if list(warnings.filters) != self._filters:
            found.append("the warning filters")
        if sys.path != self._path:
            found.append("sys.path")
        return found


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What differs, with the values where they can be read."""
    return [
        name if name in _UNREADABLE or "random" in name else f"{name} ({before.get(name)} -> {after.get(name)})"
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def make_unusual(seed: int) -> None:
    """Give the process values that no method would set, so that setting any is seen."""
    torch.set_num_threads(3)
    torch.backends.cudnn.benchmark = True
    seed_everything(seed)


def seed_everything(seed: int) -> None:
    """Seed the global generators; each process gets another seed, so that drawing from them is seen."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _file_mode_mask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _cuda_random_state() -> str:
    if not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return "none"
    return _digest(torch.cuda.get_rng_state().numpy().tobytes())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
