"""Sampling methods: raw at some pixels, and the sRGB everywhere."""

from __future__ import annotations

from collections.abc import Callable

import rawbench


@rawbench.hookimpl
def register_methods(register: Callable[..., None]) -> None:
    """Register uniform and sam."""
    register(
        "uniform",
        "rawbench_sampling.uniform:Uniform",
        summary="raw on a grid, a polynomial of the sRGB fitted to it, the rest interpolated",
    )
    register(
        "sam", "rawbench_sampling.sam:Sam", summary="raw on a grid, radial basis functions over colour and position"
    )
