"""Parametric methods: a model of the rendition for each image, alone or with its coded residual."""

from __future__ import annotations

from collections.abc import Callable

import rawbench


@rawbench.hookimpl
def register_methods(register: Callable[..., None]) -> None:
    """Register poly, residual, lut and unprocess."""
    register("poly", "rawbench_parametric.poly:Poly", summary="polynomial of the linearised sRGB, a few dozen bytes")
    register("residual", "rawbench_parametric.residual:Residual", summary="poly and its residual as JPEG 2000")
    register("lut", "rawbench_parametric.lut:Lut", summary="smooth 3-D lattice sRGB -> raw for each image")
    register(
        "unprocess",
        "rawbench_parametric.unprocess:Unprocess",
        summary="analytic inverse with stored gains and matrix, 25 bytes",
    )
