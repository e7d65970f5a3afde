"""The facts of a camera file: of its directories where it has them, else of what LibRaw knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import rawpy

from rawbench.camera.cfa import turned_cfa
from rawbench.camera.color import SRGB_TO_XYZ
from rawbench.camera.facts import D65, LIBRAW_MAXIMUM_THRESHOLD, CameraFacts, problem_of
from rawbench.camera.tiff import Tiff, Value
from rawbench.errors import SampleError

if TYPE_CHECKING:
    from rawbench.camera.read import CameraFileInfo

_MATRICES = ((50721, 50778, 50723), (50722, 50779, 50724))  # colour matrix, illuminant, camera calibration
_ANALOG_BALANCE = 50727
_MAKE, _MODEL = 271, 272
_ALIKE = 0.02  # of matrices whose rows give white as 1
_OTHER_LIGHT = 255


def sensor_facts(raw: rawpy.RawPy, tiff: Tiff, info: CameraFileInfo) -> CameraFacts:
    """The facts of an open camera file.

    The white level is the one that LibRaw scales by: the brightest value, each counted from the black level
    of its filter, where it is near the nominal level.

    Args:
        raw: the file.
        tiff: its directories.
        info: what it says of itself.

    Raises:
        SampleError: what the file says cannot be kept.
    """
    black, nominal = info.black, info.white
    floor = min(black)
    indices = np.asarray(raw.raw_pattern)
    values = raw.raw_image_visible
    parts = {(row, column): values[row::2, column::2] for row in (0, 1) for column in (0, 1)}
    brightest = floor + max(int(part.max()) - black[indices[at]] for at, part in parts.items() if part.size)
    adjusted = floor + LIBRAW_MAXIMUM_THRESHOLD * (nominal - floor) < brightest < nominal
    names = raw.color_desc.decode("ascii")
    pattern = np.array([[names[i] for i in row] for row in indices])
    matrices = _matrices(raw, tiff, np.array(info.xyz_to_balanced).reshape(3, 3))
    second = matrices[1] if len(matrices) > 1 else ((), 0)
    levels = black if len(black) == 4 else (floor,) * 4
    facts = CameraFacts(
        cfa=turned_cfa(pattern, (raw.sizes.height, raw.sizes.width), raw.sizes.flip),
        black=levels,
        white=brightest if adjusted else nominal,
        white_balance=info.white_balance,
        xyz_to_camera=matrices[0][0],
        make=tiff.text(_MAKE),
        model=tiff.text(_MODEL),
        illuminant=matrices[0][1],
        second_xyz_to_camera=second[0],
        second_illuminant=second[1],
    )
    problem = problem_of(facts)
    if problem:
        raise SampleError(f"the file says {problem}")
    return facts


def _matrices(raw: rawpy.RawPy, tiff: Tiff, balanced: np.ndarray) -> list[tuple[tuple[float, ...], int]]:
    """Colour matrices and their illuminants: those of the file, if LibRaw renders by one of them; else LibRaw's."""
    found = [one for tags in _MATRICES if (one := _own_matrix(tiff, *tags)) is not None]
    if found and (not balanced.any() or any(_alike(matrix, balanced) for matrix, _ in found)):
        return [(_flat(matrix), light) for matrix, light in found]
    table = np.array(raw.rgb_xyz_matrix[:3], dtype=np.float64)
    if balanced.any() and not (table.any() and _alike(table, balanced)):
        table = balanced
    return [(_flat(table if table.any() else np.linalg.inv(SRGB_TO_XYZ)), D65)]


def _own_matrix(tiff: Tiff, matrix: int, illuminant: int, calibration: int) -> tuple[np.ndarray, int] | None:
    """XYZ to camera RGB of a DNG with what it says of this very camera (calibration, analog balance) inside."""
    values = _numbers(tiff.image.get(matrix), 9)
    if values is None:
        return None
    calibrated = _numbers(tiff.image.get(calibration), 9)
    balance = _numbers(tiff.image.get(_ANALOG_BALANCE), 3)
    found = values.reshape(3, 3)
    if calibrated is not None:
        found = calibrated.reshape(3, 3) @ found
    if balance is not None:
        found = np.diag(balance) @ found
    light = tiff.number(illuminant)
    if abs(np.linalg.det(found)) < 1e-6:
        return None
    return found, light if 0 < light < _OTHER_LIGHT else D65


def _numbers(value: Value | None, count: int) -> np.ndarray | None:
    numbers = np.array(value.numbers() if value is not None else ())
    return numbers if numbers.size == count and np.isfinite(numbers).all() else None


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(_white_to_one(one) - _white_to_one(other)).max() < _ALIKE)


def _white_to_one(matrix: np.ndarray) -> np.ndarray:
    """Rows scaled so that D65 is 1: what is left is what a rendition sees of the matrix."""
    return matrix / (matrix @ SRGB_TO_XYZ.sum(axis=1))[:, None]


def _flat(matrix: np.ndarray) -> tuple[float, ...]:
    return tuple(float(v) for v in matrix.ravel())
