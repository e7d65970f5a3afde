"""A plugin for the tests of what judges runs: a small codec with five rate points, and ways to make it worse.

``STEPS_WORSE`` says how: it is read when a codec encodes or decodes, as a change of its code would act.
"""

from __future__ import annotations

import os
import zlib

import numpy as np
import torch

import rawbench

STEPS = (0.006, 0.003, 0.0015, 0.0008, 0.0004)


def worse(how: str) -> bool:
    return os.environ.get("STEPS_WORSE") == how


class Steps(rawbench.Codec):
    """The error of a gamma guess, quantised and deflated."""

    name = "steps"
    summary = "quantised residual"

    class Options(rawbench.Options):
        shrink: float = 1.0

    @classmethod
    def rate_points(cls, options):
        count = 4 if worse("dropped") else 6 if worse("added") else 5
        return [rawbench.RatePoint(i, f"step={i}") for i in range(count)]

    @classmethod
    def complexity(cls, options):
        return {"parameters": 2, "encode_kmac_per_pixel": 0.003, "decode_kmac_per_pixel": 0.002}

    def _guess(self, srgb):
        exponent = 2.3 if worse("weight") else 2.2
        return (srgb.float() / 255) ** exponent

    def _step(self):
        index = min(self.rate_point.index, 4)
        return STEPS[index]

    def encode(self, raw, srgb):
        if worse("raises"):
            raise ValueError("no such thing")
        with self.context.stage("analysis"):
            step = self._step()
            quotient = (raw - self._guess(srgb)) / step
            # A dead zone, or rounding to every other step: what a coarser quantiser does, with the same decoder.
            symbols = (quotient / 2).round() * 2 if worse("quantiser") else quotient.round()
            if worse("tuned"):
                symbols = quotient.sign() * (quotient.abs() + 0.45).floor()
        with self.context.stage("entropy"):
            payload = zlib.compress(symbols.to(torch.int16).cpu().numpy().tobytes(), 1)
        return payload + (b"\0" if worse("header") else b"")

    def decode(self, payload, srgb):
        with self.context.stage("entropy"):
            try:
                data = zlib.decompressobj().decompress(payload, 2 * srgb.numel())
            except zlib.error as error:
                raise rawbench.StreamError(f"the payload is damaged: {error}") from None
            if len(data) != 2 * srgb.numel():
                raise rawbench.StreamError("the payload has another length")
        with self.context.stage("synthesis"):
            symbols = torch.from_numpy(np.frombuffer(data, np.int16).copy()).view(srgb.shape).to(srgb.device)
            return (self._guess(srgb) + symbols * self._step()).clamp(0, 1)

    def diagnostics(self, raw, srgb):
        error = (raw - self._guess(srgb)).abs().mean(dim=0)
        return {"bits per pixel": torch.log2(1 + error / self._step()), "order mask": (error > error.median()).float()}


class Coarse(Steps):
    """The same with coarser steps, for two methods to compare."""

    name = "coarse"
    summary = "quantised residual, coarser"

    def _step(self):
        return super()._step() * 1.2


@rawbench.hookimpl
def register_methods(register):
    register("steps", Steps, summary=Steps.summary)
    register("coarse", Coarse, summary=Coarse.summary)


@rawbench.hookimpl
def register_report_sections(register):
    register("remark", section, summary="a remark")


def section(run):
    return f"<p>{len(run.rows)} cells were measured.</p>"
