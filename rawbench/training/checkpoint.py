"""Files of a run, written so that a stop at any moment leaves the old file or the new one, whole."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rawbench.errors import UsageError
from rawbench.files import write_atomically


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, atomically."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode(), durable=True)


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain values, atomically."""
    import torch

    file = io.BytesIO()
    torch.save(dict(state), file)
    write_atomically(path, file.getbuffer(), durable=True)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU, without unpickling anything but tensors and plain values.

    Raises:
        UsageError: missing, damaged, or not a checkpoint of the training loop.
    """
    import torch

    if not path.is_file():
        raise UsageError(f"{path}: there is no checkpoint")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything from UnpicklingError to RuntimeError here
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"{path}: not a readable checkpoint: {reason}") from error
    if not isinstance(state, dict) or "model" not in state:
        raise UsageError(f"{path}: not a checkpoint of the training loop")
    return state
