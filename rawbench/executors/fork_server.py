"""Processes that start from a clean one: the standard library's fork server, with torch imported once for all of them.

The server is a program of its own. It holds nothing of the process that asks: no image, no plugin, no thread. What it
starts is as clean, and two to four seconds of importing torch sooner there. A worker that it started cannot ask it
again (it would start a server of its own), so each is given a nursery: one more clean process, which forks for it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from rawbench.executors.outputs import forgive_closed_outputs

_PRELOADED = ["torch", "rawbench.run.cell"]  # by name: nothing of it is imported here

# A process that codes one image and ends pays for every page that it touches first: let pages be large, and memory
# that is freed stay. The C library reads its part when the server starts, torch when it first asks for memory.
_MEMORY = {
    "GLIBC_TUNABLES": ":".join(
        f"glibc.malloc.{name}={value}"
        for name, value in {
            "hugetlb": 1,
            "mmap_threshold": 2**28,
            "trim_threshold": 2**30,
            "top_pad": 2**26,
        }.items()
    ),
    "THP_MEM_ALLOC_ENABLE": "1",
}

_nursery: Connection | None = None  # of this process, where it is a worker


def start_worker(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Start a clean process that calls ``target(*arguments)``, with this process's environment, folder and path.

    It ignores Ctrl-C, which reaches the whole process group: whoever started it decides what happens.

    Args:
        target: a function of a module.
        arguments: pickled; connections among them are passed on.
    """
    ours, theirs = multiprocessing.Pipe()
    _start(_nurse, theirs, daemon=True)
    worker = _start(_work, ours, target, arguments, daemon=False)
    ours.close()
    theirs.close()
    return worker


def start_beside(target: Callable[..., None], *arguments: Any) -> tuple[Connection, int]:
    """Start a clean process that calls ``target(connection, *arguments)`` and ends when it finds that closed.

    Returns:
        The other end of the connection, and the process id.

    Raises:
        OSError: it could not be started.
    """
    ours, theirs = multiprocessing.Pipe()
    try:
        if _nursery is None:
            pid = _start(target, theirs, *arguments, daemon=True).pid
        else:
            _nursery.send((dict(os.environ), target, arguments))
            send_descriptors(_nursery, [theirs.fileno()])
            pid = _nursery.recv()
    except EOFError:
        raise OSError("the process that starts others has ended") from None
    finally:
        theirs.close()
    assert pid is not None
    return ours, pid


def send_descriptors(pipe: Connection, descriptors: Sequence[int]) -> None:
    """Hand file descriptors to the process at the other end."""
    with socket.socket(fileno=os.dup(pipe.fileno())) as carrier:
        socket.send_fds(carrier, [b"f"], list(descriptors))


def receive_descriptors(pipe: Connection, count: int) -> list[int]:
    """Take the file descriptors that the other end hands over."""
    with socket.socket(fileno=os.dup(pipe.fileno())) as carrier:
        return list(socket.recv_fds(carrier, 1, count)[1])


def cause_of_end(who: str, exit_code: int | None) -> str:
    """How a process ended, in words: ``the worker was ended by SIGKILL``."""
    if exit_code is None:
        return f"{who} ended"
    if exit_code >= 0:
        return f"{who} ended with exit code {exit_code}"
    try:
        return f"{who} was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"{who} was ended by signal {-exit_code}"


def _start(target: Callable[..., None], *arguments: Any, daemon: bool) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    process = context.Process(target=_begin, args=(dict(os.environ), target, arguments), daemon=daemon)
    with _memory_settings(), _no_main():
        process.start()
    return process


@contextmanager
def _memory_settings() -> Iterator[None]:
    lacking = [name for name in _MEMORY if name not in os.environ]
    os.environ.update({name: _MEMORY[name] for name in lacking})
    try:
        yield
    finally:
        for name in lacking:
            del os.environ[name]


@contextmanager
def _no_main() -> Iterator[None]:
    """Hide the program: the standard library would run a script without a guard again in every new process."""
    program = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


def _begin(environment: Mapping[str, str], target: Callable[..., None], arguments: Sequence[Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    forgive_closed_outputs()
    os.environ.clear()
    os.environ.update({**_MEMORY, **environment})
    target(*arguments)


def _work(nursery: Connection, target: Callable[..., None], arguments: Sequence[Any]) -> None:
    global _nursery
    _nursery = nursery
    target(*arguments)


def _nurse(pipe: Connection) -> None:
    """The nursery: fork a process whenever the worker asks, until the worker is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while True:
        try:
            environment, target, arguments = pipe.recv()
            (descriptor,) = receive_descriptors(pipe, 1)
        except (EOFError, OSError, ValueError):
            return
        pid = os.fork()
        if pid == 0:
            _become(pipe, environment, target, (Connection(descriptor), *arguments))
        os.close(descriptor)
        with suppress(OSError):
            pipe.send(pid)


def _become(
    pipe: Connection, environment: Mapping[str, str], target: Callable[..., None], arguments: Sequence[Any]
) -> None:
    code = 1
    try:
        pipe.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _begin(environment, target, arguments)
        code = 0
    finally:
        os._exit(code)
