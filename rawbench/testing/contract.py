"""The contract, article by article: each check is a name, what it promises, and a function that finds faults.

The functions judge evidence that ``rawbench.testing.evidence`` gathered. A fault is a sentence that says what was
seen, where, and what it means; a check without faults passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rawbench.errors import suggest
from rawbench.testing.evidence import PAIR, Evidence

GROWN_BYTES = 2**29
WORSE, LITTLE = 8.0, 1e-9  # how far the squared error with 16 bits of sRGB may be above that with 8: fits have luck
Record = dict[str, Any]
Faults = Callable[[Evidence], Iterable[str]]


class NotJudged(Exception):
    """There is nothing to judge, for a reason that the message gives."""


@dataclass(frozen=True)
class Check:
    """One article of the contract.

    Attributes:
        name: what opt-outs and ``--only`` call it.
        promise: what holds when it passes.
        processes: whose evidence it needs besides that of ``encode``.
        faults: yields a sentence for each fault; raises NotJudged.
        firm: cannot be opted out of.
    """

    name: str
    promise: str
    processes: tuple[str, ...]
    faults: Faults
    firm: bool = False


CHECKS: dict[str, Check] = {}


def check(name: str, promise: str, *processes: str, firm: bool = False) -> Callable[[Faults], Faults]:
    """Make a check of a function from evidence to faults."""

    def register(faults: Faults) -> Faults:
        CHECKS[name] = Check(name, promise, processes, faults, firm)
        return faults

    return register


# What the method declares.


@check("declaration", "name, format version, tolerance and opt-outs are in order", firm=True)
def declaration(evidence: Evidence) -> Iterator[str]:
    described = evidence.described
    if described is None:
        broken = next((r for r in evidence.of("encode") if "error" in r), {"error": "no answer"})
        yield f"the method cannot be loaded or described: {broken['error']}"
        return
    version, tolerance = described["format_version"], described["tolerance"]
    if not isinstance(version, int) or not 1 <= version <= 15:
        yield f"format_version is {version!r}, not a number from 1 to 15"
    if not isinstance(tolerance, int | float) or not 0 <= tolerance < 1:
        yield f"decode_tolerance is {tolerance!r}, not a number from 0 to below 1"
    if described["srgb_bits"] not in ([8], [8, 16]):
        yield f"srgb_bits is {tuple(described['srgb_bits'])}, not (8,) or (8, 16)"
    for name, reason in described["opt_outs"].items():
        if name not in CHECKS:
            yield f"it opts out of {name!r}, and there is no such check{suggest(name, CHECKS)}"
        elif CHECKS[name].firm:
            yield f"it opts out of {name!r}, which nobody can"
        elif not str(reason).strip():
            yield f"it opts out of {name!r} without a reason"


@check("options", "options refuse unknown names, and survive JSON with the same stream")
def options(evidence: Evidence) -> Iterator[str]:
    if not _described(evidence)["refuses_unknown_options"]:
        yield "its options accept a name that does not exist: derive them from rawbench.Options"
    for record in evidence.of("encode", "options"):
        if "error" in record:
            yield f"its options do not survive JSON: {record['error']}"
        elif not record["equal"]:
            yield f"its options are others after a way through JSON: {record['json']}"
        elif _differs(evidence, record):
            yield "options that went through JSON give another stream"


@check("rate_points", "rate points have indices and names of their own")
def rate_points(evidence: Evidence) -> Iterator[str]:
    points = _described(evidence)["points"]
    if not points:
        yield "it has no rate points"
    for what, values in (("index", [p[0] for p in points]), ("name", [p[1] for p in points])):
        twice = sorted({str(value) for value in values if values.count(value) > 1})
        if twice:
            yield f"several rate points have the {what} {', '.join(twice)}"
    if not all(str(name).strip() for _, name in points):
        yield "a rate point has an empty name"


@check("rate_order", "each rate point takes more bytes than the one before it (mean of the natural images)")
def rate_order(evidence: Evidence) -> Iterator[str]:
    natural = evidence.images_of("natural")
    means: list[tuple[str, float]] = []
    for index, name in _described(evidence)["points"]:
        found = [evidence.one("encode", "encode", image=image, point=index) for image in natural]
        sizes = [record["bytes"] for record in found if record]
        if len(sizes) < len(natural):
            raise NotJudged(f"not every natural image was encoded at rate point {name}")
        means.append((name, sum(sizes) / len(sizes)))
    for (name, mean), (next_name, next_mean) in zip(means, means[1:], strict=False):
        if next_mean <= mean:
            yield (
                f"rate point {next_name} takes {next_mean:.1f} bytes, no more than {name} before it ({mean:.1f}): "
                "order them from the fewest bytes to the most"
            )


# What comes out.


@check("runs", "natural images are encoded to bytes, and decoded, at every rate point")
def runs(evidence: Evidence) -> Iterator[str]:
    yield from _failures(evidence, evidence.images_of("natural", "medium", "pair"))


def _wrong_shape(record: Record, shape: list[int], device: str) -> str | None:
    if record["type"] != "Tensor":
        return f"decode returned {record['type']}, not a tensor"
    return None if record["shape"] == shape else f"decode returned the shape {record['shape']}, not {shape}"


def _wrong_dtype(record: Record, shape: list[int], device: str) -> str | None:
    found = record.get("dtype", "float32")
    return None if found == "float32" else f"decode returned {found}, not float32"


def _wrong_device(record: Record, shape: list[int], device: str) -> str | None:
    found = record.get("device", device)
    return None if found == device else f"decode returned a tensor on {found}, not on {device}"


def _not_finite(record: Record, shape: list[int], device: str) -> str | None:
    return None if record.get("finite", True) else "decode returned NaN or infinite values"


def _out_of_range(record: Record, shape: list[int], device: str) -> str | None:
    if not record.get("finite") or "low" not in record or (record["low"] >= 0 and record["high"] <= 1):
        return None
    return f"decode returned values from {record['low']:.6g} to {record['high']:.6g}, outside [0, 1]"


OUTPUT = {
    "shape": ("decode returns a tensor (3, H, W)", _wrong_shape),
    "dtype": ("decode returns float32", _wrong_dtype),
    "device": ("decode returns a tensor on the device of its context", _wrong_device),
    "finite": ("decode returns finite values", _not_finite),
    "range": ("decode returns values within [0, 1]", _out_of_range),
}


def _judge_output(name: str) -> Faults:
    def faults(evidence: Evidence) -> Iterator[str]:
        for record in _decoded(evidence, evidence.images_of("natural", "medium", "pair")):
            if fault := OUTPUT[name][1](record, _shape(evidence, record), evidence.device):
                yield f"{_place(record)}: {fault}"

    return faults


for _name, (_promise, _) in OUTPUT.items():
    check(_name, _promise)(_judge_output(_name))


def output_fault(record: Record, shape: list[int], device: str) -> str | None:
    """The first thing that is wrong with what decode returned, or None."""
    return next((fault for _, judge in OUTPUT.values() if (fault := judge(record, shape, device))), None)


@check("odd_sizes", "an image of 17x33 pixels is encoded and decoded")
def odd_sizes(evidence: Evidence) -> Iterator[str]:
    yield from _whole_images(evidence, "odd")


@check("small_sizes", "images of 16x16, 7x12 and 1x1 pixels are encoded and decoded")
def small_sizes(evidence: Evidence) -> Iterator[str]:
    yield from _whole_images(evidence, "small")


@check("plain_images", "constant, black and saturated images are encoded and decoded")
def plain_images(evidence: Evidence) -> Iterator[str]:
    yield from _whole_images(evidence, "plain")


@check("noise_images", "noise, and noise under an sRGB that has nothing to do with it, are encoded and decoded")
def noise_images(evidence: Evidence) -> Iterator[str]:
    yield from _whole_images(evidence, "noise")


@check("sixteen_bits", "images whose sRGB has 16 bits are encoded and decoded, and not far worse than with 8")
def sixteen_bits(evidence: Evidence) -> Iterator[str]:
    if 16 not in _described(evidence)["srgb_bits"]:
        raise NotJudged("it takes an sRGB of 8 bits alone")
    yield from _whole_images(evidence, "deep")
    for record in evidence.of("encode", "decode_here", image="scene-a-16"):
        other = evidence.one("encode", "decode_here", image="scene-a", point=record["point"])
        deep, plain = (_squared_error(evidence, found) if found else None for found in (record, other))
        if deep is not None and plain is not None and deep > WORSE * plain + LITTLE:
            yield (
                f"{_place(record)}: the mean squared error is {deep:.3g}, with 8 bits of sRGB it is "
                f"{plain:.3g}: it does not go by the sRGB's full scale (rawbench.srgb)"
            )


@check("lossless", "the last rate point is exact on the 16-bit grid")
def lossless(evidence: Evidence) -> Iterator[str]:
    if not _described(evidence)["lossless"]:
        raise NotJudged("it does not claim to be lossless")
    last = _described(evidence)["points"][-1][0]
    for record in evidence.of("encode", "decode_here", point=last):
        decoded, raw = evidence.array(record), evidence.images[record["image"]].raw
        if decoded is None or decoded.shape != raw.shape:
            continue
        wrong = np.round(decoded * 65535) != np.round(raw.astype(np.float64) * 65535)
        if wrong.any():
            yield f"{_place(record)}: {wrong.sum()} of {wrong.size} values are not exact, though it claims lossless"


# Nothing but the stream and the sRGB reaches the decoder.


@check("repeatable_encode", "encoding again gives the same bytes: same instance, another, other process", "again")
def repeatable_encode(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("encode", "repeat"):
        if "error" in record:
            yield f"{_place(record)}: encoding again {record['how']} fails: {record['error']}"
        elif _differs(evidence, record):
            yield (
                f"{_place(record)}: encoding again {record['how']} gives other bytes: unseeded random numbers, "
                f"the clock, or something kept from an earlier call{_clock(_original(evidence, record))}"
            )
    for record in evidence.of("again", "encode_again"):
        if "error" in record and _original(evidence, record):
            yield f"{_place(record)}: encoding in another process fails: {record['error']}"
        elif "error" not in record and _differs(evidence, record):
            yield (
                f"{_place(record)}: encoding in another process gives other bytes: unseeded random numbers, the clock "
                f"or the order of a set or dict of strings{_clock(_original(evidence, record))}"
            )


@check("fresh_instance", "the instance that encoded and a new one decode to the same raw")
def fresh_instance(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("encode", "decode_here"):
        same = evidence.one("encode", "decode_same", image=record["image"], point=record["point"])
        if same is None:
            continue
        if "error" in record:
            yield (
                f"{_place(record)}: the instance that encoded can decode and a new one cannot ({record['error']}): "
                "put what it needs into the payload"
            )
        elif (far := _distance(evidence, record, same)) > _tolerance(evidence):
            yield (
                f"{_place(record)}: the instance that encoded and a new one decode to raws that differ by {far:.3g}: "
                f"something stays in the instance, or decode does not repeat itself{_clock(record)}"
            )


@check("fresh_process", "a fresh process decodes to the same raw from the file and the sRGB alone", "decode")
def fresh_process(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("decode", "decode"):
        here = evidence.one("encode", "decode_here", image=record["image"], point=record["point"])
        if here is None:
            continue
        if "error" in record:
            yield (
                f"{_place(record)}: decode fails in a fresh process that has the file and the sRGB alone "
                f"({record['error']}), and works where the image was encoded: something else than the stream "
                "reached the decoder there, such as a module global"
            )
        elif (far := _distance(evidence, record, here)) > _tolerance(evidence):
            yield (
                f"{_place(record)}: decode in a fresh process differs by {far:.3g} from decode where the image was "
                f"encoded: something else than the stream and the sRGB reached the decoder, such as a module global, "
                f"the clock or unseeded random numbers{_clock(record)}"
            )
    if not any(evidence.of("decode", "decode")):
        raise NotJudged(_ended(evidence, "decode"))


@check(
    "same_everywhere",
    "a stream decodes to the same raw under other threads, vector width, hash seed, random state and clock",
    "decode",
    "elsewhere",
)
def same_everywhere(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("elsewhere", "decode"):
        here = evidence.one("decode", "decode", image=record["image"], point=record["point"])
        if here is None:
            continue
        if "error" in record:
            yield f"{_place(record)}: decode fails in other surroundings: {record['error']}"
        elif (far := _distance(evidence, record, here)) > _tolerance(evidence):
            yield (
                f"{_place(record)}: two fresh processes decode one stream to raws that differ by {far:.3g} (allowed: "
                f"{_tolerance(evidence):.3g}); they differ in threads, vector width, hash seed, random state and clock"
                f"{_clock(record)}"
            )
    if not any(evidence.of("elsewhere", "decode")):
        raise NotJudged(_ended(evidence, "elsewhere"))


@check("interleaved", "two instances that take turns do not disturb each other")
def interleaved(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("encode", "interleaved_setup", "interleaved_encode", "interleaved_decode"):
        if "error" in record:
            yield f"two instances that take turns: {record['error']}"
        elif record["action"] == "interleaved_encode" and _differs(evidence, record):
            yield (
                f"{_place(record)}: an instance that takes turns with another encodes to other bytes than alone: "
                "instances share state, such as a class attribute or a module global"
            )
        elif record["action"] == "interleaved_decode":
            alone = evidence.one("encode", "decode_here", image=record["image"], point=record["point"])
            if alone and (far := _distance(evidence, record, alone)) > _tolerance(evidence):
                yield (
                    f"{_place(record)}: an instance that takes turns with another decodes to a raw that differs by "
                    f"{far:.3g} from the one alone: instances share state{_clock(record)}"
                )


@check("nothing_left_behind", "encode and decode leave no file behind and connect to nothing")
def nothing_left_behind(evidence: Evidence) -> Iterator[str]:
    record = evidence.one("encode", "traces")
    if record is None:
        raise NotJudged(_ended(evidence, "encode"))
    for path in record["files"]:
        yield f"encode or decode left a file behind: {path}; what the decoder needs belongs into the payload"
    for address in record["connected"]:
        yield f"encode or decode connected to {address}"


@check("inputs_untouched", "encode and decode leave raw and sRGB as they were given")
def inputs_untouched(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("encode", "encode", "decode_same", "decode_here"):
        for which, name in (("raw", "raw_untouched"), ("srgb", "srgb_untouched")):
            if not record.get(name, True):
                yield f"{_place(record)}: {record['action'].partition('_')[0]} changed {which} in place"


@check("global_state", "threads, random states, default dtype, flags and environment are left as found")
def global_state(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("encode", "state"):
        if "changed" not in record and "error" in record:
            raise NotJudged(f"the method does not run: {record['error']}")
        yield from (f"it leaves {change} changed" for change in record.get("changed", ()))


# Damaged, foreign and old streams.


@check("damaged_files", "cut, flipped and empty files raise StreamError, soon and without much memory", "damage")
def damaged_files(evidence: Evidence) -> Iterator[str]:
    yield from _not_refused(evidence, "damaged_file")


@check("foreign_files", "files of another image, size, method or version raise StreamError", "damage")
def foreign_files(evidence: Evidence) -> Iterator[str]:
    yield from _not_refused(evidence, "foreign_file")


@check(
    "damaged_payloads",
    "decode itself raises StreamError on a malformed payload, or returns a valid raw, soon and without much memory",
    "damage",
)
def damaged_payloads(evidence: Evidence) -> Iterator[str]:
    for record in _of_damage(evidence, "damaged_payload"):
        if fault := _costly(evidence, record):
            yield f"{record['what']}: {fault}"
        elif "error" in record and not record.get("refused"):
            yield f"{record['what']}: decode raised {record['error']}, not StreamError"
        elif "error" not in record and (fault := output_fault(record, record["expected_shape"], evidence.device)):
            yield f"{record['what']}: {fault}, and no StreamError"


@check("golden", "golden streams of every format version decode to what they did when they were written", "golden")
def golden(evidence: Evidence) -> Iterator[str]:
    if not evidence.golden:
        raise NotJudged("there are no golden streams of it")
    for record in evidence.of("golden", "decode"):
        if "error" in record:
            yield f"golden stream {record['image']}: {record['error']}"
            continue
        decoded, kept = evidence.array(record), evidence.golden[record["image"]]
        far = _difference(decoded, kept)
        if far > _tolerance(evidence):
            yield (
                f"golden stream {record['image']}: decodes to a raw that differs by {far:.3g} from the one kept: "
                "give the new format another format_version, and keep reading the old"
            )


# How the evidence is read.


def _described(evidence: Evidence) -> Record:
    assert evidence.described is not None
    return evidence.described


def _tolerance(evidence: Evidence) -> float:
    return float(_described(evidence)["tolerance"])


def _place(record: Record) -> str:
    return f"{record['image']} at rate point {record['point']}"


def _shape(evidence: Evidence, record: Record) -> list[int]:
    return list(evidence.images[record["image"]].srgb.shape)


def _original(evidence: Evidence, record: Record) -> Record | None:
    return evidence.one("encode", "encode", image=record["image"], point=record["point"])


def _differs(evidence: Evidence, record: Record) -> bool:
    original = _original(evidence, record)
    return original is not None and original["digest"] != record["digest"]


def _clock(record: Record | None) -> str:
    return f" (it reads the clock: {', '.join(record['clock'])})" if record and record.get("clock") else ""


def _ended(evidence: Evidence, process: str) -> str:
    last = next((record for record in evidence.of(process) if "ended" in record), None)
    return f"{process} came to no end: {last['action']}: {last['error']}" if last else f"no evidence from {process}"


def _failures(evidence: Evidence, images: list[str]) -> Iterator[str]:
    for record in evidence.of("encode", "setup", "encode", "decode_same", "decode_here"):
        if record.get("image", images[0]) not in images:
            continue
        if "error" in record:
            what = record["action"].partition("_")[0]
            where = _place(record) if "image" in record else f"rate point {record['point']}"
            yield f"{where}: {what} failed: {record['error']}"
        elif record["action"] == "encode" and record["type"] != "bytes":
            yield f"{_place(record)}: encode returned {record['type']}, not bytes"
    last = next((record for record in evidence.of("encode") if "ended" in record), None)
    if last and last["action"] not in ("setup", "encode", "decode_same", "decode_here"):
        yield f"{last['action']}: {last['error']}"


def _decoded(evidence: Evidence, images: list[str]) -> list[Record]:
    found = [r for r in evidence.of("encode", "decode_here") if r["image"] in images and "error" not in r]
    if not found:
        raise NotJudged("nothing was decoded")
    return found


def _whole_images(evidence: Evidence, kind: str) -> Iterator[str]:
    images = evidence.images_of(kind)
    failures = list(_failures(evidence, images))
    yield from failures
    done = {record["image"] for record in evidence.of("encode", "decode_here")}
    missing = [image for image in images if image not in done]
    if missing and not failures:
        raise NotJudged(f"{', '.join(missing)} did not get as far as decode")
    for record in [] if failures else _decoded(evidence, images):
        if fault := output_fault(record, _shape(evidence, record), evidence.device):
            yield f"{_place(record)}: {fault}"


def _squared_error(evidence: Evidence, record: Record) -> float | None:
    """The mean squared error of what decode returned, or None where it is no raw."""
    decoded, raw = evidence.array(record), evidence.images[record["image"]].raw
    return None if decoded is None or decoded.shape != raw.shape else float(((decoded - raw) ** 2).mean())


def _distance(evidence: Evidence, first: Record, second: Record) -> float:
    return _difference(evidence.array(first), evidence.array(second))


def _difference(first: np.ndarray | None, second: np.ndarray | None) -> float:
    """The greatest absolute difference; infinite for other shapes or NaN on one side."""
    if first is None or second is None or first.shape != second.shape:
        return 0.0 if first is None and second is None else float("inf")
    unlike = ~((first == second) | (np.isnan(first) & np.isnan(second)))
    far = np.abs(first[unlike].astype(np.float64) - second[unlike])
    return float(np.nan_to_num(far, nan=np.inf).max(initial=0.0))


def _of_damage(evidence: Evidence, action: str) -> list[Record]:
    records = list(evidence.of("damage", action))
    if not records:
        missing = [name for name in PAIR if not any(evidence.of("encode", "decode_here", image=name))]
        raise NotJudged("no honest stream to damage" if missing else _ended(evidence, "damage"))
    return records


def _not_refused(evidence: Evidence, action: str) -> Iterator[str]:
    for record in _of_damage(evidence, action):
        if fault := _costly(evidence, record):
            yield f"{record['what']}: {fault}"
        elif "error" not in record:
            yield f"{record['what']}: it was decoded, and no StreamError came"
        elif not record.get("refused"):
            yield f"{record['what']}: {record['error']}, not StreamError"


def _costly(evidence: Evidence, record: Record) -> str | None:
    """How a decoder that hangs, dies or eats memory on a damaged stream is told of."""
    if record.get("ended") == "hung":
        return f"decode did not end within {evidence.damaged_seconds:.0f} s"
    if record.get("ended") == "died":
        return record["error"]
    if record.get("out_of_memory") or record.get("grown_bytes", 0) > GROWN_BYTES:
        return "decode asks for large allocations: check what a payload claims before allocating by it"
    return None
