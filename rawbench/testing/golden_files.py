"""Golden streams as files: where they lie, and reading them."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from rawbench.errors import RawbenchError
from rawbench.files import shipped


def read_golden(folder: Path) -> dict[str, tuple[bytes, np.ndarray, np.ndarray]]:
    """Every golden stream of a method: name -> (file, sRGB, raw).

    Args:
        folder: the method's, in the folder of all methods.

    Raises:
        RawbenchError: a stream without its raw or its sRGB, or one that cannot be read.
    """
    found = {}
    for path in sorted(folder.glob("v*.rbs")):
        image = path.stem.partition("-")[2].rpartition("-")[0]
        srgb = read_srgb(folder.parent, image)
        found[path.stem] = (path.read_bytes(), srgb, _array(path.with_suffix(".npz"), "raw"))
    return found


def read_srgb(out: Path, image: str) -> np.ndarray:
    """The sRGB of a golden image, uint8 or uint16 (3, H, W), from the folder of all methods.

    Raises:
        RawbenchError: it is not there or cannot be read.
    """
    return _array(out / f"{image}.npz", "srgb")


def _array(path: Path, name: str) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file[name])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise RawbenchError(f"golden streams: {path}: {error}") from error


def golden_folder(method: str | type, project: Path) -> Path:
    """The folder of all methods that holds a method's streams: the project's ``results/golden``, or rawbench's own.

    Args:
        method: a registered method, with or without options, or a class.
        project: root of the project under test.
    """
    name = method.partition(":")[0] if isinstance(method, str) else str(getattr(method, "name", method.__name__))
    own = project / "results" / "golden"
    return own if (own / name).is_dir() else shipped("golden")
