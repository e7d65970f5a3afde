"""What a photographer waits for: `pack` and `unpack` of whole photographs over their size, as a Markdown table.

The photographs are one of the sample's sensors, mirrored side by side to the size wanted, with noise of its own: there
is as much detail a pixel as in the small one. Each command is a process of its own: seconds are those on the
wall, from its start to its end, memory is the most that it held. Beside them: LibRaw's own two renditions (the raw and
the sRGB) and the same sensor coded without loss as JPEG XL. Give an idle machine to it.

    python benchmarks/photographs.py > results/photographs.md
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import rawpy

import rawbench
from rawbench.camera import carrier
from rawbench.camera.facts import CameraFacts
from rawbench.camera.linear_dng import Rebuilt, write_cfa_again
from rawbench.camera.read import open_camera_file
from rawbench.plugins import load_plugins

SAMPLE = Path(rawbench.__file__).parent / "datasets" / "sample" / "sony-slt-a57_courtyard_2.dng"
SIZES = {1: (1224, 816), 6: (3008, 2000), 24: (6000, 4000), 61: (9504, 6336)}  # megapixels: columns, rows
METHODS = ("poly", "residual", "hybrid", "learned")
_JXL_EFFORT = 3


@dataclass(frozen=True)
class Ran:
    """A process that ended well: seconds on the wall, and the most memory that it held, in gigabytes."""

    seconds: float
    gigabytes: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,6,24,61", help="in megapixels")
    parser.add_argument("--methods", default=",".join(METHODS), help="those that are not installed are left out")
    parser.add_argument("--max-bytes", type=int, default=65_000)
    arguments = parser.parse_args()
    known = load_plugins().methods.names()
    print(f"{os.cpu_count()} cores, --max-bytes {arguments.max_bytes}, verification left out of the seconds\n")
    print("| size | what | pack s | unpack s | pack GB | unpack GB | bytes | PSNR dB |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for size in map(int, arguments.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            photo = write_photo(Path(folder), *SIZES[size])
            for row in references(photo):
                print(f"| {size} MP | {row} |", flush=True)
            for method in arguments.methods.split(","):
                if method in known:
                    print(f"| {size} MP | {measured(photo, method, arguments.max_bytes)} |", flush=True)


def write_photo(folder: Path, width: int, height: int) -> Path:
    """A DNG of the sample's sensor at another size."""
    with rawpy.imread(str(SAMPLE)) as raw:
        small = raw.raw_image.copy()
    with open_camera_file(SAMPLE) as file:
        facts: CameraFacts = file.facts()
    random = np.random.default_rng(0)
    mosaic = np.empty((height, width), np.float32)
    for row in (0, 1):
        for column in (0, 1):
            plane = small[row::2, column::2]
            wanted = mosaic[row::2, column::2].shape
            pads = [(0, a - b) for a, b in zip(wanted, plane.shape, strict=True)]
            mosaic[row::2, column::2] = np.pad(plane, pads, mode="symmetric")
    mosaic += random.normal(0, 3, mosaic.shape).astype(np.float32)
    black = min(facts.black)
    linear = ((mosaic - black) / (facts.white - black)).clip(0, 1)
    path = folder / "photo.dng"
    balanced = np.stack([linear * gain / min(facts.white_balance) for gain in facts.white_balance])
    write_cfa_again(path, Rebuilt(balanced, facts))
    return path


def references(photo: Path) -> list[str]:
    """LibRaw's two renditions, and the sensor as JPEG XL."""
    render = (
        "import rawpy, sys; r = rawpy.imread(sys.argv[1]); r.postprocess(use_camera_wb=True, no_auto_bright=True, {})"
    )
    linear = "output_color=rawpy.ColorSpace.raw, output_bps=16, gamma=(1, 1)"
    rows = []
    for name, how in (("LibRaw: raw", linear), ("LibRaw: sRGB", "")):
        ran = run([sys.executable, "-c", render.format(how), str(photo)])
        rows.append(f"{name} | {ran.seconds:.1f} | | {ran.gigabytes:.2f} | | | ")
    with rawpy.imread(str(photo)) as raw:
        sensor = raw.raw_image.copy()
    started = time.perf_counter()
    coded = imagecodecs.jpegxl_encode(sensor, lossless=True, effort=_JXL_EFFORT)
    between = time.perf_counter()
    imagecodecs.jpegxl_decode(coded)
    ended = time.perf_counter()
    figures = f"{between - started:.1f} | {ended - between:.1f} | | | {len(coded)} | lossless"
    return [*rows, f"JPEG XL of the samples, effort {_JXL_EFFORT} | {figures}"]


def measured(photo: Path, method: str, max_bytes: int) -> str:
    """Pack and unpack a photograph by a method."""
    packed, rebuilt = photo.with_name("x.rb.jpg"), photo.with_name("x.dng")
    command = [sys.executable, "-m", "rawbench"]
    options = ["--method", method, "--max-bytes", str(max_bytes), "--no-verify"]
    try:
        pack = run([*command, "pack", str(photo), "-o", str(packed), *options])
        unpack = run([*command, "unpack", str(packed), "-o", str(rebuilt)])
    except subprocess.CalledProcessError as error:
        return f"{method} | failed: {str(error.stderr).strip().splitlines()[-1]} | | | | | "
    added = carrier.carried_bytes(len(carrier.extract(packed.read_bytes()) or b""))
    return (
        f"{method} | {pack.seconds:.1f} | {unpack.seconds:.1f} | {pack.gigabytes:.2f} | {unpack.gigabytes:.2f} "
        f"| {added} | {psnr(photo, rebuilt):.2f}"
    )


def run(command: list[str]) -> Ran:
    """Run a process to its end.

    Raises:
        CalledProcessError: it failed; holds what it said.
    """
    with tempfile.TemporaryFile("w+") as said:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command, stderr=said.read())
    return Ran(seconds, used.ru_maxrss / 1e6)


def psnr(photo: Path, rebuilt: Path) -> float:
    """PSNR of what LibRaw makes of both."""
    pictures = []
    for path in (photo, rebuilt):
        with rawpy.imread(str(path)) as raw:
            how = {"output_color": rawpy.ColorSpace.raw, "output_bps": 16, "gamma": (1, 1)}
            pictures.append(raw.postprocess(use_camera_wb=True, no_auto_bright=True, **how))
    a, b = pictures
    total = sum(
        float(np.square((x.astype(np.float32) - y.astype(np.float32)) / 65535).sum()) for x, y in zip(a, b, strict=True)
    )
    return -10 * math.log10(total / a.size) if total else math.inf


if __name__ == "__main__":
    main()
