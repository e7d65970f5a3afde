"""The act of damage: files and payloads as accidents and strangers make them, under limits of time and memory."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from torch import Tensor

from rawbench.run.coding import decode_stream
from rawbench.stream import read_stream
from rawbench.testing import damage
from rawbench.testing.stage import Stage, describe_output, ends_of
from rawbench.types import RatePoint

MEMORY_BYTES = 2**30
_OTHER_POINTS = {3, 100, 200, 254}  # some that a method of any rate point may have


def act_damage(stage: Stage) -> None:
    """Hand damaged and foreign files to the harness, and damaged payloads to the method itself."""
    first, second = stage.job["pair"]
    srgb, other = stage.images[first][1], stage.images[second][1]
    wrong_size = stage.images[stage.job["wrong_size"]][1]
    streams = {}
    for point in ends_of(stage.points):
        with stage.report.step("warm_up", point=point.index):
            data = Path(f"{first}-{point.index}.rbs").read_bytes()
            decode_stream(stage.codec, stage.resources, data, srgb, stage.device)
            streams[point.index] = data
    if stage.device == "cpu":
        _limit_memory()
    known = range(256) if stage.codec.any_rate_point else {point.index for point in stage.points}
    for point in ends_of(stage.points):
        if point.index not in streams:
            continue
        data = streams[point.index]
        _, payload = read_stream(data, srgb)
        for what, damaged in damage.damaged_files(data, len(payload)):
            _try_file(stage, "damaged_file", what, damaged, srgb)
        for what, foreign, pixels in damage.foreign_files(data, srgb, other, wrong_size, stage.codec.name, known):
            _try_file(stage, "foreign_file", what, foreign, pixels)
    for point in ends_of(stage.points):
        if point.index in streams:
            _try_payloads(stage, point, streams, srgb, wrong_size)


def _try_file(stage: Stage, action: str, what: str, data: bytes, srgb: Tensor) -> None:
    with stage.report.step(action, what=what) as record, _memory(record):
        decode_stream(stage.codec, stage.resources, data, srgb.clone(), stage.device)


def _try_payloads(stage: Stage, point: RatePoint, streams: dict[int, bytes], srgb: Tensor, wrong: Tensor) -> None:
    _, payload = read_stream(streams[point.index])
    cases = [(what, damaged, srgb) for what, damaged in damage.damaged_payloads(payload)]
    cases.append(("a payload for an image of another size", payload, wrong))
    cases += [
        (f"a payload of rate point {index}", read_stream(data)[1], srgb)
        for index, data in streams.items()
        if index != point.index
    ]
    _try_as(stage, point, cases)
    if stage.codec.any_rate_point:
        listed = {listed.index for listed in stage.points}
        for index in _OTHER_POINTS - listed:
            _try_as(stage, RatePoint(index, f"#{index}"), [(f"a payload of rate point {point.index}", payload, srgb)])


def _try_as(stage: Stage, point: RatePoint, cases: Sequence[tuple[str, bytes, Tensor]]) -> None:
    """Hand payloads to a decoder of a rate point."""
    instance = stage.decoder(point)
    for what, damaged, pixels in cases:
        with stage.report.step("damaged_payload", what=what, point=point.index) as record, _memory(record):
            decoded = stage.decode(instance, damaged, pixels.clone())
            record.update(describe_output(decoded))
            record["expected_shape"] = list(pixels.shape)


def _limit_memory() -> None:
    """Refuse this process more than MEMORY_BYTES beyond what it has after an honest decode (Linux)."""
    with suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY_BYTES, hard))


@contextmanager
def _memory(record: dict[str, Any]) -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        yield
    finally:
        record["grown_bytes"] = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
