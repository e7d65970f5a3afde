"""Write camera files: a colour filter array mosaic as a DNG that LibRaw, and so everybody, opens."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import tifffile

from rawbench.camera.cfa import CFA_ORDERS, SIMULATED_SOFTWARE
from rawbench.files import write_atomically
from rawbench.simulate.sensor import CfaImage

REAL_SOFTWARE = "rawbench"

# TIFF field types.
_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = 1, 2, 3, 4, 5, 10
_D65 = 21
_CFA_PHOTOMETRIC = 32803


def write_cfa_dng(path: Path, image: CfaImage) -> None:
    """Write a frame as an uncompressed CFA DNG (version 1.4), all of it or nothing.

    The bytes depend on the frame alone: no date, no host.

    Args:
        path: file to write; an older one is replaced when the new one is complete.
        image: the frame.

    Raises:
        RawbenchError: the file cannot be written.
    """
    write_atomically(Path(path), cfa_dng_bytes(image))


def cfa_dng_bytes(image: CfaImage) -> bytes:
    """The file of :func:`write_cfa_dng`."""
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        image.mosaic,
        photometric=_CFA_PHOTOMETRIC,
        compression=None,
        metadata=None,
        software=SIMULATED_SOFTWARE if image.simulated else REAL_SOFTWARE,
        description=image.description or None,
        byteorder="<",
        extratags=_tags(image),
    )
    return buffer.getvalue()


def _tags(image: CfaImage) -> list[tuple]:
    neutral = _rationals(image.as_shot_neutral)
    matrix = _rationals(np.asarray(image.xyz_to_camera).ravel())
    return [
        (271, _ASCII, 0, image.make, True),
        (272, _ASCII, 0, image.model, True),
        (274, _SHORT, 1, 1, True),
        (33421, _SHORT, 2, (2, 2), True),
        (33422, _BYTE, 4, bytes(CFA_ORDERS[image.cfa]), True),
        (34855, _SHORT, 1, image.iso, True),
        (50706, _BYTE, 4, bytes((1, 4, 0, 0)), True),
        (50707, _BYTE, 4, bytes((1, 1, 0, 0)), True),
        (50708, _ASCII, 0, f"{image.make} {image.model}", True),
        (50710, _BYTE, 3, bytes((0, 1, 2)), True),
        (50711, _SHORT, 1, 1, True),
        (50713, _SHORT, 2, (1, 1), True),
        (50714, _LONG, 1, image.black, True),
        (50717, _LONG, 1, image.white, True),
        (50721, _SRATIONAL, 9, matrix, True),
        (50728, _RATIONAL, 3, neutral, True),
        (50778, _SHORT, 1, _D65, True),
    ]


def _rationals(values: object) -> tuple[int, ...]:
    """Numerators and denominators, alternating, of at most a million each."""
    pairs = [Fraction(float(v)).limit_denominator(1_000_000) for v in np.asarray(values).ravel()]
    return tuple(part for pair in pairs for part in (pair.numerator, pair.denominator))
