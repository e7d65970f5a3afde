"""A process beside this one that forks a child for every job that must not know of the one before.

The zygote holds torch, the plugins and the modules of the methods that it was asked for, and never an image: what a
job needs goes to the child, and is gone with it. A child that dies takes the zygote with it, and the next job gets a
new one. A zygote whose owner is gone ends its child and itself, so that a worker can be killed at any time.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Protocol

import torch

from rawbench.executors.fork_server import cause_of_end, receive_descriptors, send_descriptors, start_beside
from rawbench.plugins import Catalogue, load_plugins
from rawbench.run.failure import CellFailed, Failure, failure_of

Answer = tuple[dict[str, Any], list[bytes]]
Handler = Callable[[Catalogue, Any, Sequence[int]], Answer]


class Request(Protocol):
    """What every job says: the method that works on it, and its threads (None: torch's own number)."""

    @property
    def method(self) -> str: ...

    @property
    def threads(self) -> int | None: ...


class Zygote:
    """The owner's end: asks, and hears.

    Args:
        who: names the child in messages (``the decoder``).
        handler: does a job in a child: takes the catalogue, the request and the file descriptors that came with it,
            returns facts that JSON can hold, and bytes.
        plugins: files and modules beside those that are installed.

    Attributes:
        process: the zygote's id, where there is one.
    """

    def __init__(self, who: str, handler: Handler, plugins: tuple[str, ...]) -> None:
        self._who, self._handler, self._plugins = who, handler, plugins
        self._pipe: Connection | None = None
        self.process: int | None = None

    def prepare(self, method: str) -> None:
        """Start the process where there is none, and import a method; who cannot be imported fails when asked."""
        with suppress(CellFailed):
            self._answer_to(method)

    def ask(self, request: Request, descriptors: Sequence[int] = ()) -> Answer:
        """Have a job done by the child that is there, or by a new one.

        Raises:
            CellFailed: what went wrong, as the child told it, or how it died.
        """
        return self._answer_to(request, descriptors)

    def _answer_to(self, message: Request | str, descriptors: Sequence[int] = ()) -> Answer:
        facts: dict[str, Any]
        try:
            pipe = self._started()
            _send(pipe, message, descriptors)
            facts = json.loads(pipe.recv_bytes())
            blobs = [pipe.recv_bytes() for _ in range(facts.pop("blobs", 0))]
        except (EOFError, OSError):
            facts, blobs = {"died": None}, []
        if "died" in facts:
            self.close()
            raise CellFailed(Failure("error", cause_of_end(self._who, facts["died"])))
        if "failure" in facts:
            raise CellFailed(Failure(*facts["failure"]))
        return facts, blobs

    def _started(self) -> Connection:
        if self._pipe is not None and self._pipe.poll():  # nothing is due: its idle child died
            self.close()
        if self._pipe is None:
            self._pipe, self.process = start_beside(serve, self._handler, self._plugins)
        return self._pipe

    def renew(self) -> None:
        """End the child: the next job gets a new one, that knows nothing of the earlier."""
        if self._pipe is not None:
            with suppress(OSError):
                self._pipe.send(None)

    def close(self) -> None:
        """End the zygote and its child: they find the connection closed."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = self.process = None


def serve(pipe: Connection, handler: Handler, plugins: tuple[str, ...]) -> None:
    """The zygote: fork a child for a job, wait for its end, and so on until the owner is gone."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # no pool of threads, which a forked child would wait for in vain
    catalogue = load_plugins(plugins)
    while True:
        try:
            message = _receive(pipe)
        except (EOFError, OSError):
            return
        if message is None or _imported(pipe, catalogue, message[0]):
            continue
        gc.freeze()  # a child that looks for garbage leaves alone, and so does not copy, what it shares with this
        ends, told = os.pipe()  # by which a child says that it ends because it was told to
        child = os.fork()
        if child == 0:
            _attend(pipe, told, handler, catalogue, threads, message)
        for descriptor in (told, *message[1]):
            os.close(descriptor)
        status = _end_of(child, pipe)
        ended_as_told = bool(select.select([ends], [], [], 0)[0]) and os.read(ends, 1) == b"."
        os.close(ends)
        if status is None:
            return
        if not ended_as_told:
            with suppress(OSError):
                pipe.send_bytes(json.dumps({"died": status}).encode())
            return


def _attend(pipe: Connection, told: int, handler: Handler, catalogue: Catalogue, threads: int, message: Any) -> None:
    """The child: do jobs until it is told to end; never returns."""
    code = 1
    try:
        os.setpgid(0, 0)  # so that what a codec starts ends with it
        while message is not None:
            request, descriptors = message
            if _imported(pipe, catalogue, request):
                message = _receive(pipe)
                continue
            torch.set_num_threads(request.threads or threads)
            facts, blobs = _answer(handler, catalogue, request, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            pipe.send_bytes(json.dumps({**facts, "blobs": len(blobs)}).encode())
            for blob in blobs:
                pipe.send_bytes(blob)
            message = _receive(pipe)
        os.write(told, b".")
        code = 0
    except (EOFError, OSError):  # the owner is gone
        code = 0
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _imported(pipe: Connection, catalogue: Catalogue, message: Request | str) -> bool:
    """Import a method, where the message is its name and no job: once for all children."""
    if not isinstance(message, str):
        return False
    with suppress(Exception, SystemExit):
        catalogue.methods.load(message)
    pipe.send_bytes(b"{}")
    return True


def _answer(handler: Handler, catalogue: Catalogue, request: Request, descriptors: Sequence[int]) -> Answer:
    home = ""
    try:
        home = catalogue.methods.load(request.method).__module__
        return handler(catalogue, request, descriptors)
    except BaseException as error:  # SystemExit and KeyboardInterrupt are a codec's own here: Ctrl-C is not heard
        failure = failure_of(error, home)
        return {"failure": [failure.status, failure.text, failure.traceback]}, []


def _end_of(child: int, pipe: Connection) -> int | None:
    """Wait for a child: its exit code, negative for a signal.

    None where the owner was gone before, and the child is killed.
    """
    with suppress(OSError):
        os.setpgid(child, child)
    poller = select.poll()
    poller.register(pipe.fileno(), 0)  # reports a hang-up alone
    descriptor = os.pidfd_open(child) if hasattr(os, "pidfd_open") else None
    if descriptor is not None:
        poller.register(descriptor, select.POLLIN)
    try:
        while True:
            ready = poller.poll(None if descriptor is not None else 20)
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            if any(number == pipe.fileno() for number, _ in ready):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return None
    finally:
        with suppress(OSError):
            os.killpg(child, signal.SIGKILL)
        if descriptor is not None:
            os.close(descriptor)


def _send(pipe: Connection, message: Request | str, descriptors: Sequence[int]) -> None:
    pipe.send((message, len(descriptors)))
    if descriptors:
        send_descriptors(pipe, descriptors)


def _receive(pipe: Connection) -> tuple[Any, list[int]] | None:
    message = pipe.recv()
    if message is None:
        return None
    request, count = message
    return request, receive_descriptors(pipe, count) if count else []
