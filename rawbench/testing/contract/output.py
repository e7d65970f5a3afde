"""What comes out: the right kind of tensor, whatever the image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rawbench.testing.contract.check import Faults, NotJudged, check
from rawbench.testing.contract.reading import (
    OUTPUT,
    decoded_records,
    described,
    failures,
    place_of,
    shape_of,
    squared_error,
    whole_images,
)
from rawbench.testing.evidence import Evidence

WHOLE = ("natural", "medium")
WORSE, LITTLE = 8.0, 1e-9  # how far the squared error with 16 bits of sRGB may be above that with 8: fits have luck


@check("runs", "natural images are encoded to bytes, and decoded, at every rate point", firm=True, kinds=WHOLE)
def runs(evidence: Evidence) -> Iterator[str]:
    yield from failures(evidence, evidence.images_of("natural", "medium", "pair"))


def _judge_output(name: str) -> Faults:
    def faults(evidence: Evidence) -> Iterator[str]:
        for record in decoded_records(evidence, evidence.images_of("natural", "medium", "pair")):
            if fault := OUTPUT[name][1](record, shape_of(evidence, record), evidence.device):
                yield f"{place_of(record)}: {fault}"

    return faults


for _name, (_promise, _) in OUTPUT.items():
    check(_name, _promise, firm=True, kinds=WHOLE)(_judge_output(_name))


@check("odd_sizes", "an image of 17x33 pixels is encoded and decoded", kinds=("odd",))
def odd_sizes(evidence: Evidence) -> Iterator[str]:
    yield from whole_images(evidence, "odd")


@check("small_sizes", "images of 16x16, 7x12 and 1x1 pixels are encoded and decoded", kinds=("small",))
def small_sizes(evidence: Evidence) -> Iterator[str]:
    yield from whole_images(evidence, "small")


@check("plain_images", "constant, black and saturated images are encoded and decoded", kinds=("plain",))
def plain_images(evidence: Evidence) -> Iterator[str]:
    yield from whole_images(evidence, "plain")


@check(
    "noise_images",
    "noise, and noise under an sRGB that has nothing to do with it, are encoded and decoded",
    kinds=("noise",),
)
def noise_images(evidence: Evidence) -> Iterator[str]:
    yield from whole_images(evidence, "noise")


@check(
    "sixteen_bits",
    "images whose sRGB has 16 bits are encoded and decoded, and not far worse than with 8",
    kinds=("deep", "natural"),
)
def sixteen_bits(evidence: Evidence) -> Iterator[str]:
    if 16 not in described(evidence)["srgb_bits"]:
        raise NotJudged("it takes an sRGB of 8 bits alone")
    yield from whole_images(evidence, "deep")
    for record in evidence.of("encode", "decode_here", image="scene-a-16"):
        other = evidence.one("encode", "decode_here", image="scene-a", point=record["point"])
        deep, plain = (squared_error(evidence, found) if found else None for found in (record, other))
        if deep is not None and plain is not None and deep > WORSE * plain + LITTLE:
            yield (
                f"{place_of(record)}: the mean squared error is {deep:.3g}, with 8 bits of sRGB it is "
                f"{plain:.3g}: it does not go by the sRGB's full scale (rawbench.srgb)"
            )


@check("lossless", "the last rate point is exact on the 16-bit grid", kinds=WHOLE)
def lossless(evidence: Evidence) -> Iterator[str]:
    if not described(evidence)["lossless"]:
        raise NotJudged("it does not claim to be lossless")
    last = described(evidence)["points"][-1][0]
    for record in evidence.of("encode", "decode_here", point=last):
        decoded, raw = evidence.array(record), evidence.images[record["image"]].raw
        if decoded is None or decoded.shape != raw.shape:
            continue
        wrong = np.round(decoded * 65535) != np.round(raw.astype(np.float64) * 65535)
        if wrong.any():
            yield f"{place_of(record)}: {wrong.sum()} of {wrong.size} values are not exact, though it claims lossless"
