"""Parametric methods: a model of the rendition for each image, alone or with its coded residual."""

from __future__ import annotations

from collections.abc import Callable

import rawbench


@rawbench.hookimpl
def register_methods(register: Callable[..., None]) -> None:
    """Register poly and residual."""
    register("poly", "rawbench_parametric.poly:Poly", summary="polynomial of the linearised sRGB, a few dozen bytes")
    register("residual", "rawbench_parametric.residual:Residual", summary="poly and its residual as JPEG 2000")
