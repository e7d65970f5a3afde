"""The files that a program is given and gives back.

* raw, ``npy``: float32 (H, W, 3) in [0, 1]; ``tiff`` and ``png``: 16 bits (H, W, 3), 65535 = 1;
* sRGB, ``srgb.png``: 8 or 16 bits (H, W, 3), as the dataset has them;
* payload, ``payload.SUFFIX``: any bytes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rawbench.errors import RawbenchError

PEAK = 65535.0


def write_raw(path: Path, raw: Tensor) -> None:
    """Write a raw in the form of the suffix.

    Args:
        path: ``.npy``, ``.tiff`` or ``.png``.
        raw: float32 (3, H, W) in [0, 1].
    """
    values = raw.permute(1, 2, 0).cpu()
    if path.suffix == ".npy":
        np.save(path, np.ascontiguousarray(values.numpy()))
        return
    codes = np.ascontiguousarray(torch.round(values.double() * PEAK).numpy().astype(np.uint16))
    if path.suffix == ".tiff":
        import tifffile

        tifffile.imwrite(path, codes, photometric="rgb")
    else:
        write_png(path, codes)


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 or uint16 (H, W, 3) as a PNG."""
    import imagecodecs

    # A copy has the strides that imagecodecs asks for even where a side is 1.
    path.write_bytes(imagecodecs.png_encode(np.array(pixels, order="C"), level=1))


def read_raw(path: Path, height: int, width: int) -> Tensor:
    """Read what a decoder wrote.

    Args:
        path: ``.npy``, ``.tiff`` or ``.png``.
        height: rows that it must have.
        width: columns that it must have.

    Returns:
        float32 (3, H, W), clipped to [0, 1].

    Raises:
        RawbenchError: says what is wrong with the file.
    """
    if not path.is_file():
        raise RawbenchError(f"wrote no {path.name}")
    try:
        values = _load(path)
    except Exception as error:  # every decoder has exceptions of its own
        raise RawbenchError(f"wrote a {path.name} that cannot be read: {_line(error)}") from None
    wanted = np.float32 if path.suffix == ".npy" else np.uint16
    if values.dtype != wanted or values.shape != (height, width, 3):
        raise RawbenchError(
            f"wrote a {path.name} of {values.dtype} {values.shape}, not of {wanted.__name__} {(height, width, 3)}"
        )
    if path.suffix == ".npy":
        if not np.isfinite(values).all():
            raise RawbenchError(f"wrote a {path.name} that holds NaN or infinite values")
        scaled = values.clip(0, 1)
    else:
        scaled = (values.astype(np.float64) / PEAK).astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(2, 0, 1)))


def _load(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        return np.load(path, allow_pickle=False)
    if path.suffix == ".tiff":
        import tifffile

        return tifffile.imread(path)
    import imagecodecs

    return imagecodecs.png_decode(path.read_bytes())


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
