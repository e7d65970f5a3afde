"""The plugin of my-method: this module is the entry point, and imports nothing heavy."""

from __future__ import annotations

import rawbench


@rawbench.hookimpl
def register_methods(register):
    register("my-method", "my_method.codec:MyMethod", summary="gains on a curve of the sRGB")
