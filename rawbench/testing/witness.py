"""What runs in the processes of the kit: it puts a method through its paces and writes down what it saw.

A job names one of the acts below. Nothing is judged here: records go to a file, one JSON line when a step begins and
one when it ends, so that the parent knows in which step a process hung or died; arrays go to files beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rawbench.codec import Codec, Context
from rawbench.errors import StreamError, UsageError
from rawbench.run.coding import decode_stream
from rawbench.srgb import bits_of
from rawbench.stream import Header, codec_id, read_stream, write_stream
from rawbench.testing import damage, state
from rawbench.testing.subject import Subject, find_codec
from rawbench.testing.traces import Traces, files_below
from rawbench.types import RatePoint

MEMORY_BYTES = 2**30


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
            record.update(_describe_error(error))
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
        instance.setup(Context(self.device))
        return instance

    def decoder(self, point: RatePoint) -> Codec:
        """A new instance as the harness makes it for decoding: all but the resources at their defaults."""
        return self.encoder(point, self.codec.Options.model_validate(self.resources))

    def encode(self, instance: Codec, image: str) -> bytes:
        """The payload; the method gets copies of the pixels."""
        raw, srgb = (pixels.clone() for pixels in self.images[image])
        with torch.inference_mode(), self.traces.watching():
            return instance.encode(raw, srgb)

    def decode(self, instance: Codec, payload: bytes, srgb: Tensor) -> Any:
        with torch.inference_mode(), self.traces.watching():
            return instance.decode(payload, srgb)

    def wrap(self, point: RatePoint, payload: bytes, image: str) -> bytes:
        """The whole file."""
        srgb = self.images[image][1]
        _, height, width = srgb.shape
        header = Header(codec_id(self.codec.name), self.codec.format_version, point.index, height, width, bits_of(srgb))
        return write_stream(header, payload, srgb)

    def keep(self, record: dict[str, Any], decoded: Any, name: str) -> None:
        """Write down what decode returned, and its values where there are any."""
        record.update(describe_output(decoded))
        if isinstance(decoded, Tensor) and not decoded.is_complex():
            record["array"] = f"{name}.npy"
            np.save(Path(self.job["out"]) / record["array"], decoded.detach().cpu().double().numpy())
        record["clock"] = sorted(self.traces.clock)


def testify(job: dict[str, Any]) -> None:
    """Perform a job's act."""
    report, traces = Report(job["report"]), Traces()
    state.seed_everything(job["seed"])
    traces.install(job["clock_offset_seconds"])
    codec = options = None
    with report.step("load"):
        codec, options = find_codec(Subject(**{**job["subject"], "plugins": tuple(job["subject"]["plugins"])}))
    if codec is None:
        return
    points: list[RatePoint] = []
    with report.step("describe") as record:
        points = list(codec.rate_points(options))
        record.update(_describe_codec(codec, options, points))
    if points:
        stage = Stage(job, report, traces, codec, options, points, _load_images(job))
        ACTS[job["act"]](stage)


def act_encode(stage: Stage) -> None:
    """Encode every image as asked, decode each again here, and try what may disturb an encoder."""
    _try_state(stage)
    kept = files_below(stage.job["folder"], os.environ["TMPDIR"])
    for point in stage.points:
        _encode_at(stage, point)
    _try_options(stage)
    _try_interleaved(stage)
    with stage.report.step("traces") as record:
        native = files_below(stage.job["folder"], os.environ["TMPDIR"]) - kept
        record["files"] = sorted({*stage.traces.left_behind(), *native})
        record["connected"] = sorted(stage.traces.connected)


def act_encode_again(stage: Stage) -> None:
    """Encode in a process with another clock, hash seed and random state."""
    for point in _ends(stage.points):
        for image in stage.job["again"]:
            with stage.report.step("encode_again", image=image, point=point.index) as record:
                record["digest"] = _digest(stage.encode(stage.encoder(point), image))


def act_decode(stage: Stage) -> None:
    """Decode files: nothing but the .rbs and the .npy of the sRGB lie in the current folder."""
    for item in stage.job["files"]:
        about = {"image": item["image"], "point": item["point"]}
        with stage.report.step("decode", **about) as record:
            data = Path(f"{item['file']}.rbs").read_bytes()
            srgb = torch.from_numpy(np.load(f"{item['file']}.npy", allow_pickle=False)).to(stage.device)
            stage.traces.clock.clear()
            with stage.traces.watching():
                decoded = decode_stream(stage.codec, stage.resources, data, srgb, stage.device).raw
            stage.keep(record, decoded, item["file"])


def act_damage(stage: Stage) -> None:
    """Hand damaged and foreign files to the harness, and damaged payloads to the method itself."""
    first, second = stage.job["pair"]
    srgb, other = stage.images[first][1], stage.images[second][1]
    wrong_size = stage.images[stage.job["wrong_size"]][1]
    streams = {}
    for point in _ends(stage.points):
        with stage.report.step("warm_up", point=point.index):
            data = Path(f"{first}-{point.index}.rbs").read_bytes()
            decode_stream(stage.codec, stage.resources, data, srgb, stage.device)
            streams[point.index] = data
    if stage.device == "cpu":
        _limit_memory()
    for point in _ends(stage.points):
        if point.index not in streams:
            continue
        data = streams[point.index]
        _, payload = read_stream(data, srgb)
        for what, damaged in damage.damaged_files(data, len(payload)):
            _try_file(stage, "damaged_file", what, damaged, srgb)
        for what, foreign, pixels in damage.foreign_files(data, srgb, other, wrong_size, stage.codec.name):
            _try_file(stage, "foreign_file", what, foreign, pixels)
    for point in _ends(stage.points):
        if point.index in streams:
            _try_payloads(stage, point, streams, srgb, wrong_size)


ACTS = {
    "encode": act_encode,
    "encode_again": act_encode_again,
    "decode": act_decode,
    "damage": act_damage,
}


def describe_output(decoded: Any) -> dict[str, Any]:
    """Type, shape, dtype, device and range of what decode returned."""
    if not isinstance(decoded, Tensor):
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


def _encode_at(stage: Stage, point: RatePoint) -> None:
    report, instance, images = stage.report, None, []
    with report.step("setup", point=point.index):
        instance = stage.encoder(point)
    if instance is None:
        return
    for image, wanted in stage.job["wanted"].items():
        if not _is_wanted(wanted, point, stage.points) or not stage.takes(image):
            continue
        payload = None
        about = {"image": image, "point": point.index}
        with report.step("encode", **about) as record:
            raw, srgb = (pixels.clone() for pixels in stage.images[image])
            stage.traces.clock.clear()
            with torch.inference_mode(), stage.traces.watching():
                returned = instance.encode(raw, srgb)
            record["type"] = type(returned).__name__
            record["raw_untouched"] = torch.equal(raw, stage.images[image][0])
            record["srgb_untouched"] = torch.equal(srgb, stage.images[image][1])
            payload = bytes(returned)
            data = stage.wrap(point, payload, image)
            record |= {"bytes": len(data), "digest": _digest(payload), "clock": sorted(stage.traces.clock)}
            (Path(stage.job["out"]) / f"{image}-{point.index}.rbs").write_bytes(data)
        if payload is None:
            continue
        images.append(image)
        for action, decoder in (("decode_same", lambda: instance), ("decode_here", lambda: stage.decoder(point))):
            with report.step(action, **about) as record:
                stage.traces.clock.clear()
                srgb = stage.images[image][1].clone()
                decoded = stage.decode(decoder(), payload, srgb)
                stage.keep(record, decoded, f"{action}-{image}-{point.index}")
                record["srgb_untouched"] = torch.equal(srgb, stage.images[image][1])
    if images:
        about = {"image": images[0], "point": point.index}
        with report.step("repeat", how="by the same instance after other images", **about) as record:
            record["digest"] = _digest(stage.encode(instance, images[0]))
        with report.step("repeat", how="by a second instance", **about) as record:
            record["digest"] = _digest(stage.encode(stage.encoder(point), images[0]))


def _try_state(stage: Stage) -> None:
    """Twice from construction to decode: imports may change loose state the first time, and never the second."""
    threads = torch.get_num_threads()
    state.make_unusual(stage.job["seed"] + 1)
    point, image = stage.points[-1], stage.job["pair"][0]
    loose = state.LooseState()
    for turn in (1, 2):
        with stage.report.step("state", turn=turn) as record:
            found = record["changed"] = []
            before = state.firm_state()

            def look(phase: str, found: list[str] = found) -> None:
                nonlocal before
                after = state.firm_state()
                found += [f"{change} in {phase}" for change in state.changes(before, after)]
                before = after

            instance = stage.codec(stage.options, point)
            look("the constructor")
            instance.setup(Context(stage.device))
            look("setup")
            payload = stage.encode(instance, image)
            look("encode")
            stage.decode(instance, payload, stage.images[image][1].clone())
            look("decode")
            if turn == 2:
                found += loose.changes()
        loose.restore()
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False


def _try_options(stage: Stage) -> None:
    point, image = stage.points[0], stage.job["pair"][0]
    with stage.report.step("options", image=image, point=point.index) as record:
        text = stage.options.model_dump_json()
        back = type(stage.options).model_validate_json(text)
        record["equal"] = back == stage.options
        record["json"] = text
        record["digest"] = _digest(stage.encode(stage.encoder(point, back), image))


def _try_interleaved(stage: Stage) -> None:
    """Two instances at once, taking turns; with one rate point they differ in the images alone."""
    points = (stage.points[0], stage.points[-1])
    names = stage.job["pair"]
    instances: list[Codec] = []
    with stage.report.step("interleaved_setup"):
        instances = [stage.encoder(point) for point in points]
    payloads: dict[tuple[int, str], bytes] = {}
    for turn, which in enumerate((0, 1, 0, 1) if instances else ()):
        image = names[(turn // 2 + which) % 2]
        with stage.report.step("interleaved_encode", image=image, point=points[which].index) as record:
            payloads[which, image] = stage.encode(instances[which], image)
            record["digest"] = _digest(payloads[which, image])
    if len(payloads) < 4:
        return
    with stage.report.step("interleaved_setup"):
        instances = [stage.decoder(point) for point in points]
    for image in names:
        for which in (0, 1):
            about = {"image": image, "point": points[which].index}
            with stage.report.step("interleaved_decode", **about) as record:
                srgb = stage.images[image][1].clone()
                decoded = stage.decode(instances[which], payloads[which, image], srgb)
                stage.keep(record, decoded, f"interleaved-{which}-{image}")


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


def _describe_codec(codec: Any, options: Any, points: list[RatePoint]) -> dict[str, Any]:
    capabilities = codec.capabilities_of(options)
    try:
        type(options).model_validate({**options.model_dump(), "no_such_option": 1})
        refuses = False
    except ValueError:
        refuses = True
    codec.Options()
    return {
        "name": codec.name,
        "format_version": codec.format_version,
        "points": [[point.index, point.name] for point in points],
        "opt_outs": dict(capabilities.opt_outs),
        "devices": list(capabilities.devices),
        "srgb_bits": list(capabilities.srgb_bits),
        "lossless": capabilities.lossless,
        "tolerance": capabilities.decode_tolerance,
        "refuses_unknown_options": refuses,
    }


def _describe_error(error: BaseException) -> dict[str, Any]:
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


def _load_images(job: dict[str, Any]) -> dict[str, tuple[Tensor, Tensor]]:
    if "images" not in job:
        return {}
    with np.load(job["images"], allow_pickle=False) as file:
        names = sorted({key.partition("/")[2] for key in file.files})
        pairs = {}
        for name in names:
            srgb = torch.from_numpy(file[f"srgb/{name}"]).to(job["device"])
            pairs[name] = (torch.from_numpy(file[f"raw/{name}"]).to(job["device"]), srgb)
    os.unlink(job["images"])
    return pairs


def _is_wanted(wanted: str, point: RatePoint, points: list[RatePoint]) -> bool:
    if wanted == "all":
        return True
    return point == points[len(points) // 2] if wanted == "middle" else point in _ends(points)


def _ends(points: list[RatePoint]) -> list[RatePoint]:
    return points[:1] if len(points) == 1 else [points[0], points[-1]]


def _digest(payload: bytes) -> str:
    return hashlib.sha256(bytes(payload)).hexdigest()
