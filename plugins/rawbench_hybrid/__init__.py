"""``hybrid``: a polynomial of the sRGB, and a wavelet of what it leaves, coded by contexts that learn as they go."""

from __future__ import annotations

from typing import Any

import rawbench


@rawbench.hookimpl
def register_methods(register: Any) -> None:
    """Offer the codec."""
    register(
        "hybrid",
        "rawbench_hybrid.codec:Hybrid",
        summary="polynomial, and its residual in wavelets under mixed adaptive contexts, up to lossless",
    )
