"""What every act of a kit's process needs: the job, the images, the method, and where to write down what was seen."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rawbench.codec import Codec, Context
from rawbench.errors import StreamError, UsageError
from rawbench.run.precision import full_precision
from rawbench.srgb import bits_of
from rawbench.stream import Header, codec_id, write_stream
from rawbench.testing.traces import Traces, living_children
from rawbench.types import RatePoint, Sample, SampleInfo


class Report:
    """The records of one process."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", buffering=1)  # noqa: SIM115 (open as long as the process)
        self._clock = time.perf_counter

    @contextmanager
    def step(self, action: str, **about: Any) -> Iterator[dict[str, Any]]:
        """One step; what it raises becomes part of its record."""
        record = {"action": action, **about}
        self._file.write(json.dumps({"begin": record}) + "\n")
        started = self._clock()
        try:
            yield record
        except BaseException as error:
            record.update(describe_error(error))
        record["seconds"] = self._clock() - started
        self._file.write(json.dumps(record) + "\n")


@dataclass
class Stage:
    """What every act needs."""

    job: dict[str, Any]
    report: Report
    traces: Traces
    codec: Any
    options: Any
    points: list[RatePoint]
    images: dict[str, tuple[Tensor, Tensor]]

    @property
    def device(self) -> str:
        return self.job["device"]

    @property
    def resources(self) -> dict[str, Any]:
        return {name: getattr(self.options, name) for name in self.codec.resource_options}

    def takes(self, image: str) -> bool:
        """Whether the method takes the depth of an image's sRGB."""
        return bits_of(self.images[image][1]) in self.codec.capabilities_of(self.options).srgb_bits

    def encoder(self, point: RatePoint, options: Any = None) -> Codec:
        """A new instance for encoding."""
        instance = self.codec(self.options if options is None else options, point)
        with full_precision():
            instance.setup(Context(self.device))
        return instance

    def decoder(self, point: RatePoint) -> Codec:
        """A new instance as the harness makes it for decoding: all but the resources at their defaults."""
        return self.encoder(point, self.codec.Options.model_validate(self.resources))

    def encode(self, instance: Codec, image: str) -> bytes:
        """The payload; the method gets copies of the pixels."""
        raw, srgb = (pixels.clone() for pixels in self.images[image])
        return self.encode_pixels(instance, raw, srgb)

    def encode_pixels(self, instance: Codec, raw: Tensor, srgb: Tensor) -> Any:
        """What encode returns for some pixels, which the method gets themselves."""
        with torch.inference_mode(), full_precision(), self.traces.watching():
            return instance.encode(raw, srgb)

    def decode(self, instance: Codec, payload: bytes, srgb: Tensor) -> Any:
        """What decode returns."""
        with torch.inference_mode(), full_precision(), self.traces.watching():
            return instance.decode(payload, srgb)

    def wrap(self, point: RatePoint, payload: bytes, image: str) -> bytes:
        """The whole file."""
        srgb = self.images[image][1]
        _, height, width = srgb.shape
        header = Header(codec_id(self.codec.name), self.codec.format_version, point.index, height, width, bits_of(srgb))
        return write_stream(header, payload, srgb)

    def decode_beside_raw(self, instance: Codec, payload: bytes, image: str) -> tuple[Any, Tensor]:
        """Decode with the raw in a local variable of this frame, as it may lie about where a harness is careless.

        A decoder that looks for it finds it here, and nothing of it in a process that never had it.

        Returns:
            What decode returned, and the sRGB that it was given.
        """
        raw, srgb = self.images[image]
        info = SampleInfo(image, "", "png", "camera", raw.shape[1], raw.shape[2], "")
        sample = Sample(info, raw.clone(), srgb.clone())
        return self.decode(instance, payload, sample.srgb), sample.srgb

    def tell_traces(self, **more: Any) -> None:
        """Write down what was touched besides arguments."""
        traces = self.traces
        with self.report.step("traces") as record:
            record["files"] = sorted({*traces.left_behind(), *more.get("files", ())})
            record["read"] = traces.strange_reads(more.get("known", lambda path: True))
            for name in ("connected", "databases", "shared", "native"):
                record[name] = sorted(getattr(traces, name))
            record["children"] = living_children()

    def keep(self, record: dict[str, Any], decoded: Any, name: str) -> None:
        """Write down what decode returned, and its values where there are any."""
        record.update(describe_output(decoded))
        if type(decoded) is Tensor and not decoded.is_complex():
            record["array"] = f"{name}.npy"
            np.save(Path(self.job["out"]) / record["array"], decoded.detach().cpu().double().numpy())
        record["clock"] = sorted(self.traces.clock)


def describe_output(decoded: Any) -> dict[str, Any]:
    """Type, shape, dtype, device and range of what decode returned."""
    if type(decoded) is not Tensor:
        return {"type": type(decoded).__name__}
    record: dict[str, Any] = {
        "type": "Tensor",
        "shape": list(decoded.shape),
        "dtype": str(decoded.dtype).removeprefix("torch."),
        "device": decoded.device.type,
        "finite": True,
    }
    if decoded.is_floating_point() and decoded.numel():
        record["finite"] = bool(torch.isfinite(decoded).all())
        record["low"], record["high"] = float(decoded.min()), float(decoded.max())
    return record


def describe_error(error: BaseException) -> dict[str, Any]:
    """What an error is, in one line, and of which kinds that matter here."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    memory = any(isinstance(e, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(e) for e in chain)
    text = str(error).strip().splitlines()
    return {
        "error": f"{type(error).__name__}: {text[0] if text else 'no message'}",
        "refused": isinstance(error, StreamError),
        "usage": isinstance(error, UsageError),
        "out_of_memory": memory,
    }


def ends_of(points: list[RatePoint]) -> list[RatePoint]:
    """The first and the last rate point."""
    return points[:1] if len(points) == 1 else [points[0], points[-1]]


def digest_of(payload: bytes) -> str:
    """SHA-256 of a payload, hexadecimal."""
    return hashlib.sha256(bytes(payload)).hexdigest()
