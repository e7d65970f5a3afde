"""Pairs of raw and sRGB of real sensors, under two renderings that no training here draws.

Reads linear images (16-bit PNG or TIFF of three colours, 65535 is white) and writes, in OUT, the folders ``global`` and
``local`` as the dataset `folder` reads them. Both balance the colours to grey, expose, and mix the channels to a more
saturated picture; ``global`` ends in Hable's filmic curve, ``local`` lifts shadows and tames lights by a smooth map of
gains and sharpens, as phones do.

    python benchmarks/real_sensors.py SENSORS sensors
    rawbench run --methods hybrid,residual,learned --metrics psnr --dataset folder:root=sensors/global --out global
    rawbench run --methods hybrid,residual,learned --metrics psnr --dataset folder:root=sensors/local --out local
    python benchmarks/hybrid.py global local
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from scipy.ndimage import gaussian_filter

from rawbench.camera.color import srgb_encode
from rawbench.camera.images import read_raw16

PEAK = 65535
SATURATION = 1.35
LUMINANCE = np.array([0.25, 0.65, 0.1])
EXPOSED, BRIGHT = 0.75, 99.0  # where this percentile of luminance comes to lie
_LIFT, _SHARP = 0.45, 0.6


def main() -> None:
    """Write the pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sensors", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    for name, render in (("global", filmic), ("local", tone_mapped)):
        raws, pictures = arguments.out / name / "raw", arguments.out / name / "sRGB"
        for folder in (raws, pictures):
            folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(arguments.sensors.glob("*.png")) + sorted(arguments.sensors.glob("*.tif*")):
            balanced = balance(read_raw16(path) / PEAK)
            tifffile.imwrite(raws / f"{path.stem}.tif", np.rint(balanced * PEAK).astype(np.uint16))
            rendered = np.clip(render(saturated(exposed(balanced))), 0.0, 1.0)
            codes = np.rint(srgb_encode(rendered) * 255).astype(np.uint8)
            Image.fromarray(codes).save(pictures / f"{path.stem}.png")


def balance(linear: np.ndarray) -> np.ndarray:
    """Bring the means of the colours together, those below the largest up to it; clipped."""
    means = linear.reshape(-1, 3).mean(0)
    return np.clip(linear * (means.max() / means), 0.0, 1.0)


def exposed(linear: np.ndarray) -> np.ndarray:
    """Scale until a percentile of the luminance is where it should be."""
    return linear * (EXPOSED / max(float(np.percentile(linear @ LUMINANCE, BRIGHT)), 1e-4))


def saturated(linear: np.ndarray) -> np.ndarray:
    """Away from grey."""
    grey = (linear @ LUMINANCE)[..., None]
    return np.maximum(grey + SATURATION * (linear - grey), 0.0)


def filmic(linear: np.ndarray) -> np.ndarray:
    """The curve of Hable (Uncharted 2, GDC 2010), white at 4."""

    def curve(x: np.ndarray) -> np.ndarray:
        return (x * (0.15 * x + 0.05) + 0.004) / (x * (0.15 * x + 0.5) + 0.06) - 0.02 / 0.3

    return curve(2.0 * linear) / curve(np.float64(8.0))


def tone_mapped(linear: np.ndarray) -> np.ndarray:
    """Divide by a part of the smoothed luminance, bend the lights, and sharpen."""
    luminance = linear @ LUMINANCE
    smooth = np.exp(gaussian_filter(np.log(luminance + 1e-3), min(luminance.shape) / 12))
    lifted = linear * ((0.25 / smooth) ** _LIFT)[..., None]
    bent = lifted * (1 + lifted / 4) / (1 + lifted)
    return bent + _SHARP * (bent - np.stack([gaussian_filter(bent[..., c], 1.2) for c in range(3)], -1))


if __name__ == "__main__":
    main()
