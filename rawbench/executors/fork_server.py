"""Processes that start from a clean one: the standard library's fork server, with torch imported once for all of them.

The server is a program of its own. It holds nothing of the process that asks: no image, no plugin, no thread. What it
starts is as clean, and two to four seconds of importing torch sooner there.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from typing import Any

from rawbench.executors.outputs import forgive_closed_outputs

_PRELOADED = ["torch", "rawbench.run.cell"]  # by name: nothing of it is imported here


def start_process(target: Callable[..., None], *arguments: Any, daemon: bool) -> BaseProcess:
    """Start a clean process that calls ``target(*arguments)``, with this process's environment, folder and path.

    It ignores Ctrl-C, which reaches the whole process group: whoever started it decides what happens.

    Args:
        target: a function of a module.
        arguments: pickled; connections among them are passed on.
        daemon: ended with this process; such a one cannot start further ones.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    process = context.Process(target=_begin, args=(dict(os.environ), target, arguments), daemon=daemon)
    process.start()
    return process


def _begin(environment: Mapping[str, str], target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    forgive_closed_outputs()
    os.environ.clear()
    os.environ.update(environment)
    target(*arguments)


def cause_of_end(who: str, exit_code: int | None) -> str:
    """How a process ended, in words: ``the worker was ended by SIGKILL``."""
    if exit_code is None:
        return f"{who} does not answer"
    if exit_code >= 0:
        return f"{who} ended with exit code {exit_code}"
    try:
        return f"{who} was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"{who} was ended by signal {-exit_code}"
