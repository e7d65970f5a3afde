"""Golden streams: files that an earlier version wrote, and that every later version must read.

In ``results/golden/METHOD/``: ``vN-IMAGE-qP.rbs`` is a stream of format version N at rate point P, and the ``.npz``
of that name holds ``raw``, float32 (3, H, W), what it decoded to when it was written. ``results/golden/IMAGE.npz``
holds the image's ``srgb``, uint8 or uint16 (3, H, W), once for all methods. They are written on demand alone
(``rawbench check METHOD --write-golden``), and never change after. Those of the built-in methods are in the installed
package too.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from rawbench.errors import RawbenchError
from rawbench.files import write_atomically
from rawbench.plugins import Catalogue
from rawbench.testing.evidence import PAIR, Evidence
from rawbench.testing.golden_files import read_srgb
from rawbench.testing.processes import Launcher

IMAGES = (PAIR[0], "17x33", "17x33-16")
NEEDED = ("declaration", "runs", "shape", "dtype", "finite", "range", "odd_sizes", "sixteen_bits", "fresh_process")


def write_golden(
    method: str | type,
    out: Path,
    catalogue: Catalogue | None = None,
    device: str = "cpu",
    replace: bool = False,
    launcher: Launcher | None = None,
) -> list[Path]:
    """Write the golden streams of a method's present format version, below ``out/METHOD``.

    Args:
        method: a registered method or a class. Options would bind the format to them: give none.
        out: the folder of all methods.
        catalogue: the plugins; None loads them.
        device: ``cpu`` or ``cuda``.
        replace: overwrite what is there. Only before a version is released.
        launcher: one to share; None starts and ends its own.

    Raises:
        RawbenchError: the method fails the checks that a stream must pass to be kept, or files are in the way.
    """
    from rawbench.testing.checks import examine

    results, evidence = examine(method, catalogue, device, NEEDED, launcher=launcher)
    failed = [f"{result.name}: {result.sentence}" for result in results if result.status == "fail"]
    if failed or evidence.described is None:
        raise RawbenchError(f"no golden streams of {method}: {'; '.join(failed)}")
    described = evidence.described
    folder = out / described["name"]
    prefix = f"v{described['format_version']}"
    if not replace and list(folder.glob(f"{prefix}-*.rbs")):
        raise RawbenchError(f"{folder} has golden streams of format version {prefix[1:]} already")
    folder.mkdir(parents=True, exist_ok=True)
    if replace:
        for path in folder.glob(f"{prefix}-*"):
            path.unlink()
    ends = {described["points"][0][0], described["points"][-1][0]}
    kept = [(image, point) for image, point in evidence.streams if image in IMAGES and point in ends]
    return [path for key in kept for path in _write_one(evidence, folder, prefix, *key)]


def _write_one(evidence: Evidence, folder: Path, prefix: str, image: str, point: int) -> list[Path]:
    record = evidence.one("decode", "decode", image=image, point=point)
    raw = evidence.array(record) if record else None
    if raw is None:
        return []
    stream = folder / f"{prefix}-{image}-q{point}.rbs"
    _keep_srgb(folder.parent, image, evidence.images[image].srgb)
    write_atomically(stream, evidence.streams[image, point])
    write_atomically(stream.with_suffix(".npz"), _packed(raw=raw.astype(np.float32)))
    return [stream, stream.with_suffix(".npz")]


def _keep_srgb(out: Path, image: str, srgb: np.ndarray) -> None:
    if not (out / f"{image}.npz").exists():
        write_atomically(out / f"{image}.npz", _packed(srgb=srgb))
    elif not np.array_equal(read_srgb(out, image), srgb):
        raise RawbenchError(f"{out / image}.npz is of another image; one of new pixels needs a new name")


def _packed(**arrays: np.ndarray) -> bytes:
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)
    return data.getvalue()
