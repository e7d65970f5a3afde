"""Sampling methods: raw at some pixels, and the sRGB everywhere."""

from __future__ import annotations

from collections.abc import Callable

import rawbench


@rawbench.hookimpl
def register_methods(register: Callable[..., None]) -> None:
    """Register uniform, sam, cam and inf."""
    register(
        "uniform",
        "rawbench_sampling.uniform:Uniform",
        summary="raw on a grid, a polynomial of the sRGB fitted to it, the rest interpolated",
    )
    register(
        "sam", "rawbench_sampling.sam:Sam", summary="raw on a grid, radial basis functions over colour and position"
    )
    register(
        "cam", "rawbench_sampling.cam:Cam", summary="raw at pixels that a network chooses, and a U-Net for the others"
    )
    register(
        "inf",
        "rawbench_sampling.inf:Inf",
        summary="raw on a grid, and networks of colour and position that the decoder trains on it",
    )


@rawbench.hookimpl
def register_trainers(register: Callable[..., None]) -> None:
    """Offer the training of cam to ``rawbench train``."""
    register("cam", "rawbench_sampling.cam_task:CamTask", summary="sampler and reconstructor of cam")
