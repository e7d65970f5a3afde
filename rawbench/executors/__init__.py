"""Built-in executors, registered like anybody's."""

from __future__ import annotations

from rawbench.hookspecs import Register, hookimpl


@hookimpl
def register_executors(register: Register) -> None:
    """Offer the built-in executors."""
    register("serial", "rawbench.executors.serial:Serial", summary="one cell after another, in this process")
    register(
        "process",
        "rawbench.executors.process:Process",
        summary="worker processes; one that dies or hangs loses only its own cell",
    )
    register(
        "ray",
        "rawbench.executors.ray:Ray",
        summary="actors on a Ray cluster, of this machine or at --address; one that dies loses only its own cell",
    )
