"""What a DNG file must say of the camera, in some forty bytes: filters, levels, white balance, colour matrix.

Layout (big-endian)::

    1 byte    version << 4 | 8 if the four black levels differ | index of the filter order
    varint    white level
    varint    black level, or four of them
    8 bytes   white balance gains of red and blue as float32; green is 1
    18 bytes  XYZ (D65) to camera RGB, nine times int16, 1/10000
    strings   maker and model, each a length byte and UTF-8; empty where the JPEG's Exif says it
    2 bytes   CRC-16 of all that
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rawpy
import tifffile

from rawbench.camera.cfa import CFA_ORDERS
from rawbench.camera.color import SRGB_TO_XYZ
from rawbench.errors import SampleError, StreamError
from rawbench.varint import read_varint, write_varint

VERSION = 1
_ORDERS = tuple(CFA_ORDERS)
_DIFFERENT_BLACKS = 8
_D65 = 21
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
        xyz_to_camera: XYZ (D65) to camera RGB before white balance, row by row.
        make: maker.
        model: model.
    """

    cfa: str
    black: tuple[int, int, int, int]
    white: int
    white_balance: tuple[float, float, float]
    xyz_to_camera: tuple[float, ...]
    make: str = ""
    model: str = ""

    def without_names(self) -> CameraFacts:
        """For a JPEG whose Exif names the camera."""
        return replace(self, make="", model="")


def facts_to_bytes(facts: CameraFacts) -> bytes:
    """The facts in the module's layout."""
    differ = len(set(facts.black)) > 1
    head = bytes([VERSION << 4 | (_DIFFERENT_BLACKS if differ else 0) | _ORDERS.index(facts.cfa)])
    blacks = facts.black if differ else facts.black[:1]
    levels = b"".join(write_varint(level) for level in (facts.white, *blacks))
    gains = struct.pack(">2f", facts.white_balance[0], facts.white_balance[2])
    matrix = np.rint(np.array(facts.xyz_to_camera) * 10_000).clip(-32768, 32767).astype(">i2").tobytes()
    names = b"".join(_string(name) for name in (facts.make, facts.model))
    body = head + levels + gains + matrix + names
    return body + binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def facts_from_bytes(data: bytes) -> CameraFacts:
    """The inverse of :func:`facts_to_bytes`.

    Raises:
        StreamError: cut, damaged or of another version.
    """
    body = data[:-2]
    if len(data) < 3 or binascii.crc_hqx(body, 0xFFFF) != int.from_bytes(data[-2:], "big"):
        raise StreamError("the camera facts are cut or damaged: their checksum does not match")
    if body[0] >> 4 != VERSION:
        raise StreamError(f"camera facts of version {body[0] >> 4}, which this rawbench cannot read")
    white, position = read_varint(body, 1)
    blacks = []
    for _ in range(4 if body[0] & _DIFFERENT_BLACKS else 1):
        black, position = read_varint(body, position)
        blacks.append(black)
    if len(body) < position + 28:
        raise StreamError("the camera facts are cut")
    red, blue = struct.unpack_from(">2f", body, position)
    matrix = np.frombuffer(body, ">i2", 9, position + 8) / 10_000
    make, position = _read_string(body, position + 26)
    model, position = _read_string(body, position)
    if not (0 < red < 100 and 0 < blue < 100 and white > max(blacks)):
        raise StreamError("the camera facts make no sense: white balance or levels are out of range")
    levels = tuple(blacks * (4 // len(blacks)))
    cfa = _ORDERS[body[0] & 3]
    return CameraFacts(cfa, levels, white, (red, 1.0, blue), tuple(map(float, matrix)), make, model)  # type: ignore[arg-type]


def read_facts(path: Path) -> CameraFacts:
    """The facts of a camera file that ``read_camera_file`` has read.

    The white level is the one that LibRaw scales by: the brightest value, each counted from the black level of its
    filter, where it is near the nominal level.

    Raises:
        SampleError: the file is missing or unreadable.
    """
    try:
        with rawpy.imread(str(path)) as raw:
            values = raw.raw_image_visible
            sizes = raw.sizes
            black = tuple(int(level) for level in raw.black_level_per_channel)
            nominal = int(raw.white_level)
            indices = np.asarray(raw.raw_pattern)
            brightest = min(black) + max(
                int(values[row::2, column::2].max()) - black[indices[row, column]]
                for row in (0, 1)
                for column in (0, 1)
            )
            gains = np.array(raw.camera_whitebalance[:3], dtype=np.float64)
            names = raw.color_desc.decode("ascii")
            pattern = np.array([[names[i] for i in row] for row in indices])
            cfa = turned_cfa(pattern, (sizes.height, sizes.width), sizes.flip)
            libraw_matrix = np.array(raw.rgb_xyz_matrix[:3], dtype=np.float64)
    except rawpy.LibRawError as error:
        raise SampleError(f"{path}: LibRaw cannot decode it ({error})") from error
    floor = min(black)
    adjusted = floor + LIBRAW_MAXIMUM_THRESHOLD * (nominal - floor) < brightest < nominal
    own_matrix, make, model = _tiff_facts(Path(path))
    matrix = own_matrix if own_matrix is not None else libraw_matrix
    if not matrix.any():
        matrix = np.linalg.inv(SRGB_TO_XYZ)
    red, green, blue = (float(v) for v in gains / gains[1])
    return CameraFacts(
        cfa=cfa,
        black=black if len(black) == 4 else (floor,) * 4,
        white=brightest if adjusted else nominal,
        white_balance=(red, green, blue),
        xyz_to_camera=tuple(float(v) for v in matrix.ravel()),
        make=make,
        model=model,
    )


def turned_cfa(pattern: np.ndarray, size: tuple[int, int], flip: int) -> str:
    """The order of the colour filters after LibRaw's turn (3: by 180 degrees, 5: to the left, 6: to the right).

    Args:
        pattern: (2, 2) of letters, at the top left of the sensor.
        size: height and width of the sensor's image; an odd one moves the order when it is turned.
        flip: LibRaw's ``sizes.flip``.
    """
    tiled = np.tile(pattern, (2, 2))[: 2 + size[0] % 2, : 2 + size[1] % 2]
    turns = {3: 2, 5: 1, 6: 3}.get(flip, 0)
    return "".join(np.rot90(tiled, turns)[:2, :2].ravel())


def _tiff_facts(path: Path) -> tuple[np.ndarray | None, str, str]:
    """A DNG's own colour matrix for D65, and maker and model; most camera files are TIFF inside."""
    try:
        with tifffile.TiffFile(path) as file:
            tags = file.pages.first.tags
            make, model = (str(tags[code].value).strip(" \0") if code in tags else "" for code in (271, 272))
            found = None
            for matrix, illuminant in ((50721, 50778), (50722, 50779)):
                if matrix in tags and (found is None or tags.valueof(illuminant) == _D65):
                    parts = np.array(tags[matrix].value, dtype=np.float64).reshape(-1, 2)
                    found = (parts[:, 0] / parts[:, 1]).reshape(3, 3)
            return found, make, model
    except (tifffile.TiffFileError, OSError, ValueError, TypeError, KeyError, IndexError):
        return None, "", ""


def _string(text: str) -> bytes:
    data = text.encode("utf-8")[:64]
    return bytes([len(data)]) + data


def _read_string(data: bytes, position: int) -> tuple[str, int]:
    if position >= len(data) or position + 1 + data[position] > len(data):
        raise StreamError("the camera facts are cut within a name")
    end = position + 1 + data[position]
    return data[position + 1 : end].decode("utf-8", "replace"), end
