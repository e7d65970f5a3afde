"""A simulated camera: scene-linear light in, a colour filter array mosaic with its metadata out.

The chain is that of a real sensor: exposure, camera colour, lens shading, colour filters, shot and read
noise, black level, saturation, quantisation. Whatever is random comes from the caller's generator.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rawbench.camera.cfa import mosaic_of
from rawbench.camera.color import as_shot_neutral, srgb_to_camera
from rawbench.simulate.cameras import Camera

# A sensor of the size of these cameras': electrons at saturation at base ISO, and its read noise in
# electrons, once before the amplifier and once after it (the latter matters less the higher the ISO).
FULL_WELL_ELECTRONS = 28000.0
BASE_ISO = 100
READ_NOISE_ELECTRONS = 2.5
CONVERTER_NOISE_ELECTRONS = 6.0


@dataclass(frozen=True)
class CfaImage:
    """One raw frame as a camera stores it.

    Attributes:
        mosaic: uint16 (H, W), one colour a pixel.
        cfa: order of the 2x2 colour filters, one of ``CFA_ORDERS``.
        bits: bits of one value; all are below ``2 ** bits``.
        black: black level.
        white: saturation level.
        as_shot_neutral: raw RGB of a grey card, green = 1: the inverses of the white balance gains.
        xyz_to_camera: float64 (3, 3), XYZ (D65) to camera RGB before white balance.
        make: maker of the camera.
        model: model of the camera.
        iso: sensitivity.
        simulated: False for a frame from a real sensor.
        description: where it comes from, one line of ASCII.
    """

    mosaic: np.ndarray
    cfa: str
    bits: int
    black: int
    white: int
    as_shot_neutral: tuple[float, float, float]
    xyz_to_camera: np.ndarray
    make: str
    model: str
    iso: int
    simulated: bool = True
    description: str = ""


@dataclass(frozen=True)
class Shot:
    """How one picture is taken.

    Attributes:
        iso: sensitivity; sets the noise.
        clipped: share of pixels, in [0, 1), of which some channel saturates at exposure 0.
        exposure_ev: stops above (+) or below (-) that exposure.
        kelvin: colour temperature of the light that the white balance is set to.
        tint: factor on the green gain, near 1.
        shading: light lost in the corners, in [0, 1).
        bits: bits of one raw value.
        cfa: order of the colour filters.
    """

    iso: int = 100
    clipped: float = 0.01
    exposure_ev: float = 0.0
    kelvin: float = 5500.0
    tint: float = 1.0
    shading: float = 0.15
    bits: int = 12
    cfa: str = "RGGB"


def exposure_scale(light: np.ndarray, clipped: float, exposure_ev: float) -> float:
    """``2 ** exposure_ev`` times the factor that lifts a share ``clipped`` of the pixels above 1."""
    brightest = light.max(axis=2)
    reference = float(np.quantile(brightest, 1.0 - clipped))
    if reference <= 0:
        reference = float(brightest.max()) or 1.0
    return 2.0**exposure_ev / reference


def lens_shading(height: int, width: int, strength: float) -> np.ndarray:
    """float32 (H, W): 1 in the centre, ``1 - strength`` in the corners, falling with the squared radius."""
    y = (np.arange(height) - (height - 1) / 2) / max(height / 2, 1)
    x = (np.arange(width) - (width - 1) / 2) / max(width / 2, 1)
    return (1.0 - strength * (y[:, None] ** 2 + x[None, :] ** 2) / 2).astype(np.float32)


def add_noise(signal: np.ndarray, iso: int, rng: np.random.Generator) -> np.ndarray:
    """Shot and read noise on a signal whose saturation is 1.

    The variance is ``signal / well + (read**2 + (converter / gain)**2) / well**2``, where the gain is
    ``iso / BASE_ISO`` and the well holds ``FULL_WELL_ELECTRONS / gain`` electrons.

    Returns:
        float64 (H, W), the noisy signal, unclipped.
    """
    gain = iso / BASE_ISO
    well = FULL_WELL_ELECTRONS / gain
    # Whole 256ths of an electron: a last bit that differs between processors must not change a draw.
    expected = np.rint(np.maximum(signal, 0) * well * 256) / 256
    electrons = rng.poisson(expected).astype(np.float64)
    read_noise = np.hypot(READ_NOISE_ELECTRONS, CONVERTER_NOISE_ELECTRONS / gain)
    return (electrons + rng.normal(0.0, read_noise, signal.shape)) / well


def quantise(signal: np.ndarray, black: int, white: int, bits: int) -> np.ndarray:
    """A signal of 0 (black) to 1 (saturation) as uint16 raw values; brighter ones stay at the white level."""
    values = np.rint(black + signal * (white - black))
    return np.clip(values, 0, min(white, 2**bits - 1)).astype(np.uint16)


def take_picture(
    scene: np.ndarray,
    camera: Camera,
    shot: Shot,
    rng: np.random.Generator,
    *,
    xyz_to_camera: np.ndarray | None = None,
    description: str = "",
) -> CfaImage:
    """Photograph a scene with a simulated camera.

    Args:
        scene: float (H, W, 3), linear sRGB light, non-negative, in any unit.
        camera: which camera.
        shot: how.
        rng: source of the noise.
        xyz_to_camera: colour matrix to use in place of the camera's own.
        description: kept with the frame.

    Returns:
        The frame; the same arguments and generator state give the same values.
    """
    matrix = camera.xyz_to_camera if xyz_to_camera is None else xyz_to_camera
    balanced = np.maximum(np.asarray(scene, dtype=np.float64) @ srgb_to_camera(matrix).T, 0)
    neutral = as_shot_neutral(matrix, shot.kelvin) * np.array([1.0, shot.tint, 1.0])
    # The least amplified channel sets the rendition's white: 1 after white balance is its saturation.
    sensor = balanced * (neutral / neutral.max())
    sensor *= exposure_scale(balanced, shot.clipped, shot.exposure_ev)
    sensor *= lens_shading(scene.shape[0], scene.shape[1], shot.shading)[..., None]
    black, white = camera.levels(shot.bits)
    signal = add_noise(np.minimum(mosaic_of(sensor, shot.cfa), 1.5), shot.iso, rng)
    red, green, blue = (float(v) for v in neutral / neutral[1])
    return CfaImage(
        mosaic=quantise(signal, black, white, shot.bits),
        cfa=shot.cfa,
        bits=shot.bits,
        black=black,
        white=white,
        as_shot_neutral=(red, green, blue),
        xyz_to_camera=matrix,
        make=camera.make,
        model=camera.model,
        iso=shot.iso,
        description=description,
    )
