"""``rawbench.load``: a run as a table of pandas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rawbench.results.frame import RunFrame


def load(run: str | Path) -> RunFrame:
    """Read a run as a pandas DataFrame: one row a cell, the failed ones too.

    Columns: method, rate_point, rate_order, dataset, image, camera, rendition, simulated, height, width, bytes, bpp,
    bpp_padded, bits_estimated, every metric, status, message, encode_seconds, decode_seconds. What a run does not hold
    is NaN; the small JSON of a committed run holds no seconds of cells.

    Args:
        run: a run folder, its database, or the JSON of a committed run or reference.

    Raises:
        UsageError: there is no run, or it is damaged.
        NotComparable: a newer rawbench wrote it.

    Example::

        run = rawbench.load("rawbench-runs/sample-1a2b3c4d")
        run.groupby("method").psnr.max()
        run.curves("ssim")
        run.bd_rate(anchor="poly")
    """
    from rawbench.results.frame import frame_of
    from rawbench.results.run import read_run

    return frame_of(read_run(Path(run)))
