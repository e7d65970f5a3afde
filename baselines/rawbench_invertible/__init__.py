"""Invertible image pipelines: no metadata at all. Light: nothing here imports torch."""

from __future__ import annotations

from typing import Any

import rawbench

SUMMARY = "invertible network between raw and sRGB, no metadata; on the dataset's sRGB or on a rendition of its own"


@rawbench.hookimpl
def register_methods(register: Any) -> None:
    """Register invisp."""
    register("invisp", "rawbench_invertible.invisp:InvISP", summary=SUMMARY)


@rawbench.hookimpl
def register_trainers(register: Any) -> None:
    """Offer the training of invisp to ``rawbench train``."""
    register("invisp", "rawbench_invertible.task:InvISPTask", summary="raw -> sRGB -> JPEG -> raw, both ways")
