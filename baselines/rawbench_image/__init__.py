"""Image codecs: the raw itself, without the sRGB."""

from __future__ import annotations

from collections.abc import Callable

import rawbench


@rawbench.hookimpl
def register_methods(register: Callable[..., None]) -> None:
    """Register rawjxl."""
    register("rawjxl", "rawbench_image.rawjxl:RawJxl", summary="the raw itself as 16-bit JPEG XL, the sRGB ignored")
