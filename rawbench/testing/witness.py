"""What runs in the processes of the kit: it puts a method through its paces and writes down what it saw.

A job names one of the acts below. Nothing is judged here: records go to a file, one JSON line when a step begins and
one when it ends, so that the parent knows in which step a process hung or died; arrays go to files beside it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rawbench.run.code import code_of
from rawbench.run.coding import decode_stream
from rawbench.testing import state
from rawbench.testing.damaging import act_damage
from rawbench.testing.encoding import act_encode
from rawbench.testing.stage import Report, Stage, digest_of, ends_of
from rawbench.testing.subject import Subject, find_codec
from rawbench.testing.surroundings import rename_host
from rawbench.testing.traces import Traces
from rawbench.types import RatePoint


def testify(job: dict[str, Any]) -> None:
    """Perform a job's act."""
    report, traces = Report(job["report"]), Traces()
    state.seed_everything(job["seed"])
    traces.install(job["clock_offset_seconds"])
    if job.get("host"):
        rename_host(job["host"])
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


def act_encode_again(stage: Stage) -> None:
    """Encode in a process with another clock, hash seed and random state."""
    for point in ends_of(stage.points):
        for image in stage.job["again"]:
            with stage.report.step("encode_again", image=image, point=point.index) as record:
                record["digest"] = digest_of(stage.encode(stage.encoder(point), image))


def act_mislead(stage: Stage) -> None:
    """Encode the same sRGB with another raw, so that whatever is kept outside of the stream belongs to that."""
    for point in ends_of(stage.points):
        for image in stage.job["mislead"]:
            with stage.report.step("mislead", image=image, point=point.index):
                raw, srgb = stage.images[image]
                stage.encode_pixels(stage.encoder(point), another_raw(raw), srgb.clone())
    stage.tell_traces()


def another_raw(raw: Tensor) -> Tensor:
    """A raw that the sRGB of this one tells nothing about: it turned upside down and left to right, (3, H, W)."""
    return raw.flip(1, 2).contiguous()


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
    stage.tell_traces(known=_files_known_to(stage))


def _files_known_to(stage: Stage) -> Callable[[str], bool]:
    """Says of a file that was read whether it counts in the method's identity, or was made by this very job."""
    counted = {str(path) for _, path in code_of(stage.codec).files}
    named = [str(Path(str(value)).resolve()) for value in stage.resources.values() if value not in (None, "")]
    own = (stage.job["folder"], os.environ["TMPDIR"], *named)

    def known(path: str) -> bool:
        resolved = os.path.realpath(path)
        return resolved in counted or any(resolved == place or resolved.startswith(f"{place}/") for place in own)

    return known


ACTS = {
    "encode": act_encode,
    "encode_again": act_encode_again,
    "mislead": act_mislead,
    "decode": act_decode,
    "damage": act_damage,
}


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
