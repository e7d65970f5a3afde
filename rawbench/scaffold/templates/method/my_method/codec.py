"""The method. ``rawbench.Codec``'s docstring is the manual; ``rawbench check my-method`` holds it to the contract."""

from __future__ import annotations

import struct
from pathlib import Path

import torch
from pydantic import Field

import rawbench
from rawbench.blocks.weights import load_weights

WEIGHTS = Path(__file__).with_name("weights.safetensors")
FORMAT = "my-method-1"  # of the weights file


class MyMethod(rawbench.Codec):
    """raw = gain * curve[sRGB]: the curve is in the weights file, the gains are in the payload."""

    name = "my-method"
    summary = "gains on a curve of the sRGB"
    paper = rawbench.Paper(
        citation="Authors, 'Title', place and year.",
        published="What they say of the method.",
        ours="What this implementation decides by itself.",
        licence="Of their code, and whether any of it is used.",
    )
    resource_options = ("weights",)  # the decoder gets these; every other option is the encoder's alone

    class Options(rawbench.Options):
        brightest: int = Field(254, ge=1, le=255, description="codes of the sRGB above it are left out of the fit")
        weights: Path | None = Field(None, description="another weights file")

    @classmethod
    def rate_points(cls, options):
        return [rawbench.RatePoint(1, "one gain"), rawbench.RatePoint(3, "a gain a channel")]

    @classmethod
    def identity(cls, options):
        return {"weights": load_weights(options.weights or WEIGHTS, FORMAT, cls.name)[1]["digest"]}

    def setup(self, context):
        super().setup(context)
        tensors, _ = load_weights(self.options.weights or WEIGHTS, FORMAT, self.name)
        self.curve = tensors["curve"].to(context.device)

    def encode(self, raw, srgb):
        groups = self.rate_point.index
        used = (srgb <= self.options.brightest).float().view(groups, -1)
        linear = self.curve[srgb.long()].view(groups, -1)
        gains = (used * linear * raw.view(groups, -1)).sum(1) / (used * linear**2).sum(1).clamp_min(1e-6)
        return struct.pack(f">{groups}e", *gains.clamp(0, 1000).tolist())

    def decode(self, payload, srgb):
        groups = self.rate_point.index
        if len(payload) != 2 * groups:
            raise rawbench.StreamError("the payload has another length than its gains")
        gains = torch.tensor(struct.unpack(f">{groups}e", payload), device=srgb.device).nan_to_num(0)
        return (self.curve[srgb.long()] * gains.view(-1, 1, 1)).clamp(0, 1)
