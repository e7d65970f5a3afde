"""The eight cameras of the NUS data set: names, colour matrices and the levels of their raw files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rawbench.errors import UsageError


@dataclass(frozen=True)
class Camera:
    """What the simulated camera needs to know of a real one.

    Attributes:
        slug: name for files and options, such as ``samsung-nx2000``.
        make: maker as written into camera files.
        model: model as written into camera files.
        matrix_x10000: XYZ (D65) to camera RGB, row-major, times 10,000 (Adobe's ColorMatrix).
        bits: bits of one raw value in the camera's own files.
        black: black level at that bit depth.
        white: saturation level at that bit depth.
    """

    slug: str
    make: str
    model: str
    matrix_x10000: tuple[int, ...]
    bits: int
    black: int
    white: int

    @property
    def name(self) -> str:
        """Maker and model, as printed in tables."""
        return f"{self.make} {self.model}"

    @property
    def xyz_to_camera(self) -> np.ndarray:
        """float64 (3, 3): XYZ under D65 to camera RGB before white balance."""
        return np.array(self.matrix_x10000, dtype=np.float64).reshape(3, 3) / 10000.0

    def levels(self, bits: int) -> tuple[int, int]:
        """Black and white level when the values are stored with ``bits`` bits."""
        scale = 2.0 ** (bits - self.bits)
        return round(self.black * scale), min(round(self.white * scale), 2**bits - 1)


# Colour matrices: the table that LibRaw and dcraw carry. Levels: typical of each camera's files.
# fmt: off
CAMERAS: tuple[Camera, ...] = (
    Camera("canon-eos-1ds-mark-iii", "Canon", "EOS-1Ds Mark III",
           (5859, -211, -930, -8255, 16017, 2353, -1732, 1887, 7448), 14, 1024, 15200),
    Camera("canon-eos-600d", "Canon", "EOS 600D",
           (6461, -907, -882, -4300, 12184, 2378, -819, 1944, 5931), 14, 2048, 15304),
    Camera("fujifilm-x-m1", "Fujifilm", "X-M1",
           (10413, -3996, -993, -3721, 11640, 2361, -733, 1540, 6011), 12, 256, 4000),
    Camera("nikon-d5200", "Nikon", "D5200",
           (8322, -3112, -1047, -6367, 14342, 2179, -988, 1638, 6394), 14, 600, 15892),
    Camera("olympus-e-pl6", "Olympus", "E-PL6",
           (8380, -2630, -639, -2887, 10725, 2496, -627, 1427, 5438), 12, 254, 4056),
    Camera("panasonic-dmc-gx1", "Panasonic", "DMC-GX1",
           (6763, -1919, -863, -3868, 11515, 2684, -1216, 2387, 5879), 12, 144, 4080),
    Camera("samsung-nx2000", "Samsung", "NX2000",
           (7557, -2522, -739, -4679, 12949, 1894, -840, 1777, 5311), 12, 128, 4048),
    Camera("sony-slt-a57", "Sony", "SLT-A57",
           (5991, -1456, -455, -4764, 12135, 2980, -707, 1425, 6701), 14, 512, 16300),
)
# fmt: on


def find_camera(name: str) -> Camera:
    """The camera with this slug, or with this maker and model in any case.

    Raises:
        UsageError: no such camera; the line lists those that exist.
    """
    wanted = name.strip().lower()
    for camera in CAMERAS:
        if wanted in (camera.slug, camera.name.lower()):
            return camera
    raise UsageError(f"unknown camera {name!r}; there are {', '.join(c.slug for c in CAMERAS)}")
