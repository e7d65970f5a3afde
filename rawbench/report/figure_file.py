"""Writing a figure: the same bytes each time, with text as text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rawbench.errors import UsageError
from rawbench.files import write_atomically
from rawbench.report.plot import Look, Panel, draw

SUFFIXES = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}, ".png": {"Software": None}}
# Fonts as papers want them: embedded as TrueType, and in SVG left as text.
SETTINGS: dict[Any, Any] = {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "rawbench", "font.size": 8}


def write_figure(path: Path, panels: Sequence[Panel], look: Look, dots_per_inch: int = 300) -> None:
    """Draw and write.

    Raises:
        UsageError: a suffix that is not known, or nothing to draw.
        RawbenchError: the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: the suffix must be one of {', '.join(SUFFIXES)}")
    from matplotlib import rc_context

    with rc_context({**SETTINGS, "figure.dpi": 100}):
        figure = draw(panels, look)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix[1:], metadata=SUFFIXES[suffix], bbox_inches="tight", pad_inches=0.03,
                       dpi=dots_per_inch)  # fmt: skip
    write_atomically(path, buffer.getvalue())
