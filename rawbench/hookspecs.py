"""Every hook of rawbench. A plugin is a module (or object) with functions of these names, marked ``@hookimpl``.

``register(name, target, summary=...)`` takes a class, or better its address ``"package.module:Class"``, which is
imported when somebody asks for the name, so that a plugin costs nothing until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    from rawbench import Outcome

hookspec = pluggy.HookspecMarker("rawbench")
hookimpl = pluggy.HookimplMarker("rawbench")


class Register(Protocol):
    """What a plugin is handed to offer its things by."""

    def __call__(self, name: str, target: Any, summary: str = "") -> None:
        """Offer a class, or its address ``"package.module:Class"``, under a name."""


@hookspec
def register_methods(register: Register) -> None:
    """Add methods: subclasses of ``rawbench.Codec``."""


@hookspec
def register_datasets(register: Register) -> None:
    """Add datasets: subclasses of ``rawbench.Dataset``."""


@hookspec
def register_metrics(register: Register) -> None:
    """Add metrics: subclasses of ``rawbench.Metric``."""


@hookspec
def register_executors(register: Register) -> None:
    """Add executors: subclasses of ``rawbench.Executor``."""


@hookspec
def register_trainers(register: Register) -> None:
    """Add training tasks (``rawbench.training.Task``) under the name of the method that they train."""


@hookspec
def register_report_sections(register: Register) -> None:
    """Add sections to the report: functions ``section(run: rawbench.Run) -> str`` that return HTML."""


@hookspec
def register_commands(register: Register) -> None:
    """Add commands to ``rawbench``: ``click.Command`` objects."""


@hookspec
def cell_finished(outcome: Outcome) -> None:
    """Called in the driver after a cell's rows are stored, with what came of it (``rawbench.Outcome``)."""
