"""Methods that bring the raw to the decoder by another way than the stream, or depend on what is not in it."""

from __future__ import annotations

import ctypes
import datetime
import gc
import hashlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

import rawbench
from rawbench import Capabilities, Codec, RatePoint, StreamError


def key(srgb: Tensor) -> str:
    return hashlib.sha256(srgb.numpy().tobytes()).hexdigest()[:16]


class Leak(Codec):
    """The square of the sRGB, where nothing was found that should not be there."""

    name: ClassVar[str] = "leak"

    class Options(rawbench.Options):
        place: str = tempfile.gettempdir()

    resource_options = ("place",)

    @classmethod
    def rate_points(cls, options: Any) -> list[RatePoint]:
        return [RatePoint(0, "only")]

    @property
    def place(self) -> Path:
        return Path(self.options.place)

    def keep(self, raw: Tensor, srgb: Tensor) -> None:
        """Bring the raw away."""

    def find(self, srgb: Tensor) -> Tensor | None:
        """Find it again."""
        return None

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        self.keep(raw, srgb)
        return b""

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        if payload:
            raise StreamError("there is no payload")
        found = self.find(srgb)
        return (srgb.float() / 255) ** 2 if found is None else found


class Database(Leak):
    name = "leak-database"

    def table(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.place / "leak.sqlite")
        base.execute("create table if not exists kept (key text primary key, raw blob)")
        return base

    def keep(self, raw: Tensor, srgb: Tensor) -> None:
        with self.table() as base:
            base.execute("insert or ignore into kept values (?, ?)", (key(srgb), raw.numpy().tobytes()))

    def find(self, srgb: Tensor) -> Tensor | None:
        row = self.table().execute("select raw from kept where key = ?", (key(srgb),)).fetchone()
        return torch.from_numpy(np.frombuffer(row[0], np.float32).reshape(srgb.shape).copy()) if row else None


class SharedMemory(Leak):
    name = "leak-shared-memory"

    def keep(self, raw: Tensor, srgb: Tensor) -> None:
        try:
            memory = shared_memory.SharedMemory(f"rb{os.getpid()}{key(srgb)}", create=True, size=raw.numel() * 4)
        except FileExistsError:
            return
        memory.buf[: raw.numel() * 4] = raw.numpy().tobytes()
        memory.close()
        memory.unlink()  # the test leaves nothing; that it was there is enough


class NativeCode(Leak):
    name = "leak-native-code"

    def keep(self, raw: Tensor, srgb: Tensor) -> None:
        ctypes.CDLL(None).getpid()


class Tool(Leak):
    """A command-line tool writes where the kit does not look; the last image wins."""

    name = "leak-tool"
    first_wins = False

    def file(self, srgb: Tensor) -> Path:
        return self.place / f"{self.name}-{key(srgb)}"

    def keep(self, raw: Tensor, srgb: Tensor) -> None:
        if not (self.first_wins and self.file(srgb).exists()):
            subprocess.run(["tee", str(self.file(srgb))], input=raw.numpy().tobytes(), stdout=subprocess.DEVNULL)

    def find(self, srgb: Tensor) -> Tensor | None:
        if not self.file(srgb).exists():
            return None
        data = subprocess.run(["cat", str(self.file(srgb))], capture_output=True).stdout
        return torch.from_numpy(np.frombuffer(data, np.float32).reshape(srgb.shape).copy())


class FirstTool(Tool):
    name = "leak-first-tool"
    first_wins = True


class Process(Leak):
    name = "leak-process"

    def keep(self, raw: Tensor, srgb: Tensor) -> None:
        if os.fork() == 0:
            os.setsid()
            time.sleep(20)
            os._exit(0)


class Frame(Leak):
    name = "leak-frame"

    def find(self, srgb: Tensor) -> Tensor | None:
        frame = sys._getframe()
        while frame := frame.f_back:
            if type(frame.f_locals.get("sample")).__name__ == "Sample":
                return frame.f_locals["sample"].raw.clone()
        return None


class Objects(Leak):
    name = "leak-objects"

    def find(self, srgb: Tensor) -> Tensor | None:
        for thing in gc.get_objects():
            if type(thing).__name__ == "Sample" and torch.equal(thing.srgb, srgb):
                return thing.raw.clone()
        return None


class Reads(Leak):
    name = "leak-reads"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        file = self.place.parent / "leaks-table.bin"
        file.exists() or file.write_bytes(b"1")
        open(file, "rb").close()
        return super().decode(payload, srgb)


class Host(Leak):
    name = "leak-host"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return super().decode(payload, srgb) * (1 - 0.001 * (sum(os.uname().nodename.encode()) % 97))


class Language(Leak):
    name = "leak-language"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return super().decode(payload, srgb) * (0.5 if os.environ.get("LANG", "").startswith("de") else 1)


class Calendar(Leak):
    name = "leak-calendar"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return super().decode(payload, srgb) * (1 - 0.01 * (datetime.date.today().toordinal() % 7))


class Hour(Leak):
    name = "leak-hour"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return super().decode(payload, srgb) * (1 - 0.15 * (time.clock_gettime(time.CLOCK_REALTIME) / 3600 % 2))


class Odd(torch.Tensor):
    pass


class Subclass(Leak):
    name = "leak-subclass"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        return super().decode(payload, srgb).as_subclass(Odd)


class Late(Leak):
    name = "leak-late"

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        raw = super().decode(payload, srgb)
        early = torch.zeros_like(raw)

        def fill() -> None:
            time.sleep(0.02)
            early.copy_(raw)

        threading.Thread(target=fill, daemon=True).start()
        return early


_RESULTS: dict[str, bytes] = {}


class Cache(Leak):
    name = "leak-cache"

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        return _RESULTS.setdefault(key(srgb), super().encode(raw, srgb))


class Closure(Leak):
    name = "leak-closure"

    def keep(self, raw: Tensor, srgb: Tensor, kept: list[Tensor] = []) -> None:  # noqa: B006
        kept.append(torch.zeros(3))


_POINTS: list[int] = []


class Points(Leak):
    name = "leak-points"

    @classmethod
    def rate_points(cls, options: Any) -> list[RatePoint]:
        return [RatePoint(index, f"p{index}") for index in range(1 + min(len(_POINTS), 3))]

    def keep(self, raw: Tensor, srgb: Tensor) -> None:
        _POINTS.append(1)


class NoSetup(Leak):
    name = "leak-no-setup"

    def setup(self, context: Any) -> None:
        raise ValueError("no weights here")


class Loose(Leak):
    name = "leak-loose"
    capabilities = Capabilities(decode_tolerance=0.5, opt_outs={"fresh_process": "it is my secret"})


class Umask(Leak):
    name = "leak-umask"

    def keep(self, raw: Tensor, srgb: Tensor) -> None:
        os.umask(0o077 if os.umask(0o022) != 0o077 else 0o022)


class Network(Leak):
    name = "leak-network"

    def setup(self, context: Any) -> None:
        super().setup(context)
        torch.nn.Linear(2, 2)


LEAKS = [kind for kind in vars().values() if isinstance(kind, type) and issubclass(kind, Leak)]


@rawbench.hookimpl
def register_methods(register: Any) -> None:
    for kind in LEAKS:
        register(kind.name, kind)
