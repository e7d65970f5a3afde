"""A plugin for tests: a method that can render its own sRGB, and a dataset whose sRGB does not fit it."""

from __future__ import annotations

from dataclasses import replace

import torch

import rawbench


class Flat(rawbench.Dataset):
    """One smooth image, whose sRGB is nearly black."""

    name = "flat"
    summary = "one smooth image"

    def ids(self, split: str = "test") -> list[str]:
        return ["image"] if split == "test" else []

    def info(self, id: str) -> rawbench.SampleInfo:
        return rawbench.SampleInfo(id, "Camera", "png", "camera", 32, 48, "flat-image", simulated=True)

    def load(self, id: str) -> rawbench.Sample:
        raw = (torch.linspace(0.3, 0.7, 48).view(1, 1, 48) + torch.linspace(0, 0.2, 32).view(1, 32, 1)).repeat(3, 1, 1)
        return rawbench.Sample(self.info(id), raw, torch.full((3, 32, 48), 7, dtype=torch.uint8))


class Halves(rawbench.Codec):
    """sRGB = raw / 2."""

    name = "halves"
    summary = "for tests"

    class Options(rawbench.Options):
        own: bool = False

    @classmethod
    def rate_points(cls, options):
        return [rawbench.RatePoint(0, "none")]

    @classmethod
    def capabilities_of(cls, options):
        return replace(cls.capabilities, renders_its_own_srgb=options.own)

    def render(self, raw):
        return (raw / 2 * 255).round().to(torch.uint8)

    def encode(self, raw, srgb):
        return b""

    def decode(self, payload, srgb):
        return (srgb.float() / 255 * 2).clamp(0, 1)


@rawbench.hookimpl
def register_methods(register):
    register("halves", Halves, summary=Halves.summary)


@rawbench.hookimpl
def register_datasets(register):
    register("flat", Flat, summary=Flat.summary)
