"""The act of encoding: every image as asked, each decoded again here, and what may disturb an encoder."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from rawbench.codec import Codec, Context
from rawbench.testing import state
from rawbench.testing.keeping import try_keeping
from rawbench.testing.stage import Stage, digest_of, ends_of
from rawbench.testing.traces import files_below
from rawbench.types import RatePoint


def act_encode(stage: Stage) -> None:
    """Encode every image as asked, decode each again here, and try what may disturb an encoder.

    It ends where a rate point cannot be set up: nothing that comes later would say anything.
    """
    _try_state(stage)
    kept = files_below(stage.job["folder"], os.environ["TMPDIR"])
    for point in stage.points:
        if not _encode_at(stage, point):
            return
    with stage.report.step("describe_again") as record:
        record["points"] = [[point.index, point.name] for point in stage.codec.rate_points(stage.options)]
    _try_options(stage)
    _try_interleaved(stage)
    try_keeping(stage)
    stage.tell_traces(files=files_below(stage.job["folder"], os.environ["TMPDIR"]) - kept)


def _encode_at(stage: Stage, point: RatePoint) -> bool:
    """Encode and decode the images of a rate point; whether it could be set up."""
    instance, images = None, []
    with stage.report.step("setup", point=point.index):
        instance = stage.encoder(point)
    if instance is None:
        return False
    for image, wanted in stage.job["wanted"].items():
        if _is_wanted(wanted, point, stage.points) and stage.takes(image):
            payload = _encode_image(stage, instance, point, image)
            if payload is not None:
                images.append(image)
                _decode_image(stage, instance, point, image, payload)
    if images:
        about = {"image": images[0], "point": point.index}
        with stage.report.step("repeat", how="by the same instance after other images", **about) as record:
            record["digest"] = digest_of(stage.encode(instance, images[0]))
        with stage.report.step("repeat", how="by a second instance", **about) as record:
            record["digest"] = digest_of(stage.encode(stage.encoder(point), images[0]))
    return True


def _encode_image(stage: Stage, instance: Codec, point: RatePoint, image: str) -> bytes | None:
    payload = None
    with stage.report.step("encode", image=image, point=point.index) as record:
        raw, srgb = (pixels.clone() for pixels in stage.images[image])
        stage.traces.clock.clear()
        returned = stage.encode_pixels(instance, raw, srgb)
        record["type"] = type(returned).__name__
        record["raw_untouched"] = torch.equal(raw, stage.images[image][0])
        record["srgb_untouched"] = torch.equal(srgb, stage.images[image][1])
        payload = bytes(returned)
        data = stage.wrap(point, payload, image)
        record |= {"bytes": len(data), "digest": digest_of(payload), "clock": sorted(stage.traces.clock)}
        (Path(stage.job["out"]) / f"{image}-{point.index}.rbs").write_bytes(data)
    return payload


def _decode_image(stage: Stage, instance: Codec, point: RatePoint, image: str, payload: bytes) -> None:
    for action, decoder in (("decode_same", lambda: instance), ("decode_here", lambda: stage.decoder(point))):
        with stage.report.step(action, image=image, point=point.index) as record:
            stage.traces.clock.clear()
            decoded, srgb = stage.decode_beside_raw(decoder(), payload, image)
            stage.keep(record, decoded, f"{action}-{image}-{point.index}")
            record["srgb_untouched"] = torch.equal(srgb, stage.images[image][1])


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
        record["digest"] = digest_of(stage.encode(stage.encoder(point, back), image))


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
            record["digest"] = digest_of(payloads[which, image])
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


def _is_wanted(wanted: str, point: RatePoint, points: list[RatePoint]) -> bool:
    if wanted == "all":
        return True
    return point == points[len(points) // 2] if wanted == "middle" else point in ends_of(points)
