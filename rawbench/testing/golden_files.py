"""Golden streams as files: where they lie, and reading them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rawbench.errors import RawbenchError
from rawbench.files import shipped


def read_golden(folder: Path) -> dict[str, tuple[bytes, np.ndarray, np.ndarray]]:
    """Every golden stream of a method: name -> (file, sRGB, raw).

    Raises:
        RawbenchError: a stream without its ``.npz``, or one that cannot be read.
    """
    found = {}
    for path in sorted(folder.glob("v*.rbs")):
        try:
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as file:
                found[path.stem] = (path.read_bytes(), file["srgb"], file["raw"])
        except (OSError, ValueError, KeyError) as error:
            raise RawbenchError(f"golden stream {path}: {error}") from error
    return found


def golden_folder(method: str | type, project: Path) -> Path:
    """The folder of all methods that holds a method's streams: the project's ``results/golden``, or rawbench's own.

    Args:
        method: a registered method, with or without options, or a class.
        project: root of the project under test.
    """
    name = method.partition(":")[0] if isinstance(method, str) else str(getattr(method, "name", method.__name__))
    own = project / "results" / "golden"
    return own if (own / name).is_dir() else shipped("golden")
