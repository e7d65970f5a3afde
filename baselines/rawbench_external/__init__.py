"""Published code as it is: a method that calls the programs that a file names."""

from __future__ import annotations

from collections.abc import Callable

import rawbench


@rawbench.hookimpl
def register_methods(register: Callable[..., None]) -> None:
    """Register external."""
    register("external", "rawbench_external.external:External", summary="programs that a TOML file names")
