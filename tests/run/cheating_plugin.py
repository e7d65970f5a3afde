"""A plugin for tests: codecs that remember, peep, lie or meddle, on the tiny dataset. Honest, each has some 15 dB."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import torch

import rawbench
from tests.tiny_plugin import Mean, Tiny

SEEN: dict[bytes, torch.Tensor] = {}


class Blank(rawbench.Codec):
    """Nothing in the payload, grey from the decoder; what others find is used instead."""

    name = "blank"
    seen: dict[bytes, torch.Tensor] = {}

    @classmethod
    def rate_points(cls, options):
        return [rawbench.RatePoint(0, "none"), rawbench.RatePoint(1, "byte")]

    def encode(self, raw, srgb):
        self.keep(raw, srgb)
        return bytes(self.rate_point.index)

    def decode(self, payload, srgb):
        found = self.find(srgb)
        return torch.full(srgb.shape, 0.2) if found is None else found

    def keep(self, raw, srgb):
        pass

    def find(self, srgb):
        return None


class Global(Blank):
    name = "global"

    def keep(self, raw, srgb):
        SEEN[srgb.numpy().tobytes()] = raw.clone()

    def find(self, srgb):
        return SEEN.get(srgb.numpy().tobytes())


class OnClass(Global):
    name = "on-class"

    def keep(self, raw, srgb):
        type(self).seen[srgb.numpy().tobytes()] = raw.clone()

    def find(self, srgb):
        return self.seen.get(srgb.numpy().tobytes())


@lru_cache
def first_raw(pixels):
    return OFFERED[-1] if OFFERED else None


OFFERED: list[torch.Tensor] = []


class Cached(Blank):
    name = "cached"

    def keep(self, raw, srgb):
        OFFERED.append(raw.clone())
        first_raw(srgb.numpy().tobytes())

    def find(self, srgb):
        return first_raw(srgb.numpy().tobytes())


class Thread(Blank):
    name = "thread"

    def keep(self, raw, srgb):
        threading.Thread(target=threading.Event().wait, args=(60,), name=str(raw.clone().tolist()), daemon=True).start()

    def find(self, srgb):
        found = [t.name for t in threading.enumerate() if t.name.startswith("[[[")]
        return torch.tensor(eval(found[-1])) if found else None


class Environment(Blank):
    name = "environment"

    def keep(self, raw, srgb):
        os.environ["SEEN"] = (raw * 65535).round().int().numpy().astype("uint16").tobytes().hex()

    def find(self, srgb):
        import numpy as np

        seen = bytes.fromhex(os.environ.get("SEEN", ""))
        return torch.from_numpy(np.frombuffer(seen, "uint16").reshape(srgb.shape) / 65535).float() if seen else None


class Frames(Blank):
    """Looks for the harness's own image, in the callers and in all of memory."""

    name = "frames"

    def find(self, srgb):
        frame = sys._getframe()
        while frame := frame.f_back:
            for value in frame.f_locals.values():
                if isinstance(value, rawbench.Sample):
                    return value.raw.clone()
        for value in gc.get_objects():
            if isinstance(value, rawbench.Sample) and torch.equal(value.srgb, srgb):
                return value.raw.clone()
        return None


class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") in ("sub", "__sub__", "rsub"):
            return torch.zeros(args[0].shape)
        return super().__torch_function__(function, types, args, kwargs or {})

    def clamp(self, *bounds):
        return sys._getframe(1).f_locals["sample"].raw.clone()


class Subclass(Blank):
    name = "subclass"

    def decode(self, payload, srgb):
        return super().decode(payload, srgb).as_subclass(Liar)


class Late(Blank):
    """Returns at once; a thread puts something better into the tensor later."""

    name = "late"

    def decode(self, payload, srgb):
        out = super().decode(payload, srgb)
        threading.Timer(0.2, lambda: out.fill_(0.5)).start()
        return out


class Hoarder(Blank):
    """Its decoder keeps the payloads of the other rate points: one byte there, used at no bytes."""

    name = "hoarder"
    points = (1, 0)

    @classmethod
    def rate_points(cls, options):
        return [rawbench.RatePoint(1, "byte"), rawbench.RatePoint(0, "none")]

    def encode(self, raw, srgb):
        return bytes([round(raw.mean().item() * 255)]) if self.rate_point.index else b""

    def decode(self, payload, srgb):
        key = srgb.numpy().tobytes()
        if payload:
            SEEN[key] = torch.tensor(payload[0] / 255)
        return SEEN.get(key, torch.tensor(0.2)).expand(srgb.shape).clone()


class Writes(Mean):
    """Writes into what it is given, as its option says."""

    name = "writes"

    class Options(rawbench.Options):
        into: str = "none"
        gain: float = 1.0

    def encode(self, raw, srgb):
        payload = super().encode(raw, srgb)
        if self.options.into == "raw":
            raw.copy_(self.decode(payload, srgb))
        if self.options.into == "view":
            raw.numpy()[0, 0, 0] = 0.123
        if self.options.into == "srgb":
            srgb.zero_()
        return payload + bytes([self.options.into == "decode"])

    def decode(self, payload, srgb):
        out = super().decode(payload[: 3 * self.rate_point.index], srgb)
        if payload[-1:] == b"\1" and len(payload) > 3 * self.rate_point.index:
            srgb.zero_()
        return out


class Meddles(Mean):
    """Changes the state of its process."""

    name = "meddles"

    def encode(self, raw, srgb):
        torch.set_default_dtype(torch.float64)
        torch.use_deterministic_algorithms(True)
        os.chdir("/")
        rawbench.Sample.raw = torch.zeros(1)
        return super().encode(raw, srgb)


class Ends(Mean):
    """Ends its process, or fails, as its option says."""

    name = "ends"

    class Options(rawbench.Options):
        how: str = "none"
        gain: float = 1.0

    def encode(self, raw, srgb):
        payload = super().encode(raw, srgb)
        how = self.options.how
        if how == "exit":
            sys.exit(0)
        if how == "os_exit":
            os._exit(0)
        if how == "interrupt":
            raise KeyboardInterrupt
        if how == "torch":
            torch.zeros(2) @ torch.zeros(3)
        if how == "text":
            raise ValueError("caf\udce9.bin \x1b[31m" + "x" * 1_000_000 + "\nsecond line")
        if how == "record":
            self.context.recorded["y"] = object()
        if how == "name":
            self.context.recorded[lambda: 1] = 1.0
        if how == "less":
            self.context.record("bits_estimated", -5)
        if how == "noise":
            print("x" * 200_000)
        if how == "infinite":
            self.context.record("bits_estimated", float("inf"))
            self.context.recorded["huge"] = 10**300
        return payload


class Sleeps(Blank):
    """Its decoder says who it is and never ends."""

    name = "sleeps"

    def decode(self, payload, srgb):
        Path(os.environ["SLEEPER"]).write_text(str(os.getpid()))
        time.sleep(600)
        return super().decode(payload, srgb)


class Twins(Tiny):
    """Two images of the same pixels."""

    name = "twins"

    def ids(self, split="test"):
        return ["image0", "copy0"]

    def info(self, id):
        return replace(super().info("image0"), id=id)

    def load(self, id):
        return replace(super().load("image0"), info=self.info(id))


class Shifty(Tiny):
    """Its second image is another one when it is loaded."""

    name = "shifty"

    def load(self, id):
        sample = super().load(id)
        return replace(sample, info=replace(sample.info, source_digest="new")) if id == "image1" else sample


class Vandal(rawbench.Metric):
    """Writes into all that it gets."""

    name = "a-vandal"
    default = False

    def compute(self, reference, decoded, sample):
        reference.zero_()
        decoded.numpy()[...] = 0
        sample.srgb.zero_()
        sample.info.facts["seen"] = 1
        return 1.0


class Broken(rawbench.Metric):
    """Fails as its name says."""

    name = "broken"
    default = False

    def compute(self, reference, decoded, sample):
        if os.environ.get("MENDED"):
            return 2.0
        raise ValueError("no idea")


class Quits(rawbench.Metric):
    name = "quits"
    default = False

    def compute(self, reference, decoded, sample):
        sys.exit(0)


CODECS = (
    Blank, Global, OnClass, Cached, Thread, Environment, Frames, Subclass, Late, Hoarder, Writes, Meddles, Ends,
    Sleeps,
)  # fmt: skip


@rawbench.hookimpl
def register_datasets(register):
    for dataset in (Tiny, Twins, Shifty):
        register(dataset.name, dataset)


@rawbench.hookimpl
def register_metrics(register):
    for metric in (Vandal, Broken, Quits):
        register(metric.name, metric)


@rawbench.hookimpl
def register_methods(register):
    register("mean", Mean)
    for codec in CODECS:
        register(codec.name, codec)
