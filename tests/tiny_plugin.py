"""A plugin for the harness's own tests: small synthetic images, an honest method, and methods that fail."""

from __future__ import annotations

import os
import signal
import struct
import time

import numpy as np
import torch
from pydantic import Field

import rawbench
from rawbench.srgb import to_unit


class Tiny(rawbench.Dataset):
    """Four synthetic images; ``broken`` ones cannot be loaded."""

    name = "tiny"
    summary = "synthetic images for tests"

    class Options(rawbench.Options):
        broken: str = "none"
        bits: int = 8

    def ids(self, split: str = "test") -> list[str]:
        return [f"image{i}" for i in range(4)] if split == "test" else []

    def info(self, id: str) -> rawbench.SampleInfo:
        if self.options.broken == "info" and id == "image1":
            raise rawbench.SampleError("tiny/image1.dng: cannot be read (No such file or directory)")
        number = int(id[-1])
        digest = f"tiny-{id}-{self.options.broken}" + "-16" * (self.options.bits == 16)
        camera, rendition = f"Camera {number % 2}", {8: "png", 16: "png16"}[self.options.bits]
        return rawbench.SampleInfo(id, camera, rendition, "camera", 24 + number, 40, digest, simulated=number < 3)

    def load(self, id: str) -> rawbench.Sample:
        info = self.info(id)
        random = np.random.default_rng(int(id[-1]))
        field = np.cumsum(random.normal(0, 0.02, (3, info.height, info.width)), axis=2) + 0.4
        raw = torch.from_numpy(np.clip(field, 0, 1).astype(np.float32))
        kind = {8: torch.uint8, 16: torch.uint16}[self.options.bits]
        srgb = (raw**0.45 * (2**self.options.bits - 1)).round().to(kind)
        if self.options.broken == "nan" and id == "image1":
            raw[0, 0, 0] = float("nan")
        if self.options.broken == "size" and id == "image1":
            srgb = srgb[:, 1:]
        return rawbench.Sample(info, raw, srgb)


class Mean(rawbench.Codec):
    """Channel means of the error of a gamma guess, in one or two bytes each."""

    name = "mean"
    summary = "honest"

    class Options(rawbench.Options):
        gain: float = Field(default=1.0, gt=0, description="times the mean")

    @classmethod
    def rate_points(cls, options: Options) -> list[rawbench.RatePoint]:
        return [rawbench.RatePoint(1, "bytes=1"), rawbench.RatePoint(2, "bytes=2")]

    def encode(self, raw: torch.Tensor, srgb: torch.Tensor) -> bytes:
        time.sleep(float(os.environ.get("TINY_DELAY", 0)))
        means = (raw - guess(srgb)).mean(dim=(1, 2)) * self.options.gain
        scaled = [round(m.item() * 100**self.rate_point.index) for m in means]
        self.context.record("bits_estimated", 24.0 * self.rate_point.index)
        limit = 128**self.rate_point.index - 1
        kind = "bh"[self.rate_point.index - 1]
        return struct.pack(f">3{kind}", *(max(-limit, min(limit, s)) for s in scaled))

    def decode(self, payload: bytes, srgb: torch.Tensor) -> torch.Tensor:
        if len(payload) != 3 * self.rate_point.index:
            raise rawbench.StreamError("the payload has another length")
        kind = "bh"[self.rate_point.index - 1]
        means = torch.tensor(struct.unpack(f">3{kind}", payload)) / 100**self.rate_point.index
        return (guess(srgb) + means.to(srgb.device)[:, None, None]).clamp(0, 1).float()


def guess(srgb: torch.Tensor) -> torch.Tensor:
    return to_unit(srgb) ** 2.2


class Deep(Mean):
    """The same, and of 16 bits too."""

    name = "deep"
    capabilities = rawbench.Capabilities(srgb_bits=(8, 16))


class Failing(Mean):
    """Does what its option says, on every image but the first."""

    name = "failing"

    class Options(rawbench.Options):
        how: str = "none"

    def encode(self, raw: torch.Tensor, srgb: torch.Tensor) -> bytes:
        how = self.options.how if raw.shape[1] != 24 else "none"
        if how == "encode":
            raise ValueError("no such thing")
        if how == "memory":
            raise MemoryError("too much")
        if how == "text":
            return "bytes"
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "hang":
            signal.pause()
        return bytes([("none", "decode", "shape", "nan").index(how)])

    def decode(self, payload: bytes, srgb: torch.Tensor) -> torch.Tensor:
        how = ("none", "decode", "shape", "nan")[payload[0]]
        if how == "decode":
            raise RuntimeError("lost\nin detail")
        if how == "shape":
            return guess(srgb)[:, :-1]
        return guess(srgb) * (float("nan") if how == "nan" else 1)


@rawbench.hookimpl
def register_datasets(register):
    register("tiny", Tiny, summary="synthetic images for tests")


@rawbench.hookimpl
def register_methods(register):
    register("mean", Mean, summary="honest")
    register("deep", Deep, summary="honest, of 8 or 16 bits")
    register("failing", Failing, summary="fails on purpose")
