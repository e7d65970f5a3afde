"""What a DNG file must say of the camera, in some forty bytes: filters, levels, white balance, colour matrices.

Layout (big-endian)::

    1 byte    version << 4 | 8 if the four black levels differ | index of the filter order
    2 bytes   version 2 alone: the illuminants of the first and of the second matrix (0: there is no second)
    varint    white level
    varint    black level, or four of them
    8 bytes   white balance gains of red and blue as float32; green is 1
    18 bytes  XYZ (D65) to camera RGB, nine times int16, 1/10000; a second matrix likewise
    strings   maker and model, each a length byte and UTF-8; empty where the JPEG's Exif says it
    2 bytes   CRC-16 of all that

One matrix for D65, the usual case, is version 1.
"""

from __future__ import annotations

import binascii
import math
import struct
from dataclasses import dataclass, replace

import numpy as np

from rawbench.camera.cfa import CFA_ORDERS
from rawbench.errors import StreamError
from rawbench.varint import read_varint, write_varint

D65 = 21
_ORDERS = tuple(CFA_ORDERS)
_DIFFERENT_BLACKS = 8
_MATRIX_UNIT, _NAME_BYTES = 10_000, 64
# Share of the white level above which LibRaw takes the brightest value for the white level.
LIBRAW_MAXIMUM_THRESHOLD = 0.75


@dataclass(frozen=True)
class CameraFacts:
    """What a DNG file says of the camera beside the pixels.

    Attributes:
        cfa: order of the colour filters of the upright image, such as ``RGGB``.
        black: black level of LibRaw's four channels (red, green, blue, second green).
        white: saturation level.
        white_balance: gains of red, green and blue as shot, green = 1.
        xyz_to_camera: XYZ to camera RGB before white balance, row by row, for the illuminant.
        make: maker.
        model: model.
        illuminant: of the matrix, as Exif numbers light sources (21: D65).
        second_xyz_to_camera: a matrix for another light; empty where there is none.
        second_illuminant: of that; 0 where there is none.
    """

    cfa: str
    black: tuple[int, int, int, int]
    white: int
    white_balance: tuple[float, float, float]
    xyz_to_camera: tuple[float, ...]
    make: str = ""
    model: str = ""
    illuminant: int = D65
    second_xyz_to_camera: tuple[float, ...] = ()
    second_illuminant: int = 0

    def without_names(self) -> CameraFacts:
        """For a JPEG whose Exif names the camera."""
        return replace(self, make="", model="")


def problem_of(facts: CameraFacts) -> str:
    """Why facts cannot be kept, or make no sense, for who writes them and for who reads them; empty when they can."""
    if facts.cfa not in CFA_ORDERS:
        return f"a colour filter order {facts.cfa}, which is none of {', '.join(CFA_ORDERS)}"
    if min(facts.black) < 0 or facts.white <= max(facts.black):
        return f"a white level of {facts.white} above a black level of {max(facts.black)}: levels are out of range"
    red, green, blue = facts.white_balance
    if not (0 < red < 100 and green == 1 and 0 < blue < 100):
        return f"a white balance of {red:.3g}, {green:.3g}, {blue:.3g}: out of range"
    for matrix in filter(None, (facts.xyz_to_camera, facts.second_xyz_to_camera)):
        if len(matrix) != 9 or not all(math.isfinite(v) and -32768 <= round(v * _MATRIX_UNIT) <= 32767 for v in matrix):
            return "a colour matrix that is out of range"
    if not 0 < facts.illuminant < 256 or not 0 <= facts.second_illuminant < 256:
        return f"illuminants {facts.illuminant} and {facts.second_illuminant}, which are none"
    if bool(facts.second_illuminant) != bool(facts.second_xyz_to_camera):
        return "a second illuminant without its matrix, or the other way round"
    return ""


def facts_to_bytes(facts: CameraFacts) -> bytes:
    """The facts in the module's layout.

    Raises:
        StreamError: they make no sense, so that ``facts_from_bytes`` would refuse them.
    """
    problem = problem_of(facts)
    if problem:
        raise StreamError(f"the camera facts make no sense: {problem}")
    differ = len(set(facts.black)) > 1
    plain = facts.illuminant == D65 and not facts.second_illuminant
    head = bytes([(1 if plain else 2) << 4 | (_DIFFERENT_BLACKS if differ else 0) | _ORDERS.index(facts.cfa)])
    if not plain:
        head += bytes([facts.illuminant, facts.second_illuminant])
    blacks = facts.black if differ else facts.black[:1]
    levels = b"".join(write_varint(level) for level in (facts.white, *blacks))
    gains = struct.pack(">2f", facts.white_balance[0], facts.white_balance[2])
    matrices = facts.xyz_to_camera + facts.second_xyz_to_camera
    values = np.rint(np.array(matrices) * _MATRIX_UNIT).clip(-32768, 32767).astype(">i2").tobytes()
    body = head + levels + gains + values + b"".join(_string(name) for name in (facts.make, facts.model))
    return body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def facts_from_bytes(data: bytes) -> CameraFacts:
    """The inverse of :func:`facts_to_bytes`.

    Raises:
        StreamError: cut, damaged or of another version.
    """
    body = data[:-2]
    if len(data) < 3 or binascii.crc_hqx(body, 0xFFFF) != int.from_bytes(data[-2:], "big"):
        raise StreamError("the camera facts are cut or damaged: their checksum does not match")
    version = body[0] >> 4
    if version not in (1, 2):
        raise StreamError(f"camera facts of version {version}, which this rawbench cannot read")
    first, second = (*body[1:3], 0, 0)[:2] if version == 2 else (D65, 0)
    white, position = read_varint(body, 2 * version - 1)
    blacks = []
    for _ in range(4 if body[0] & _DIFFERENT_BLACKS else 1):
        black, position = read_varint(body, position)
        blacks.append(black)
    count = 18 if second else 9
    if len(body) < position + 8 + 2 * count + 2:
        raise StreamError("the camera facts are cut")
    red, blue = struct.unpack_from(">2f", body, position)
    matrix = tuple(map(float, np.frombuffer(body, ">i2", count, position + 8) / _MATRIX_UNIT))
    make, position = _read_string(body, position + 8 + 2 * count)
    model, position = _read_string(body, position)
    levels = tuple(blacks * (4 // len(blacks)))
    facts = CameraFacts(_ORDERS[body[0] & 3], levels, white, (red, 1.0, blue), matrix[:9], make, model,  # type: ignore[arg-type]
                        first, matrix[9:], second)  # fmt: skip
    problem = problem_of(facts)
    if problem or position != len(body):
        raise StreamError(f"the camera facts make no sense: {problem or 'bytes follow them'}")
    return facts


def _string(text: str) -> bytes:
    data = text.encode("utf-8", "replace")[:_NAME_BYTES].decode("utf-8", "ignore").encode()
    return bytes([len(data)]) + data


def _read_string(data: bytes, position: int) -> tuple[str, int]:
    if position >= len(data) or position + 1 + data[position] > len(data):
        raise StreamError("the camera facts are cut within a name")
    end = position + 1 + data[position]
    return data[position + 1 : end].decode("utf-8", "replace"), end
