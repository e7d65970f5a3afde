"""How the evidence is read: records into sentences and distances."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rawbench.testing.contract.check import NotJudged, Record
from rawbench.testing.evidence import PAIR, Evidence

GROWN_BYTES = 2**29
MOST_TOLERANCE = 1e-2
"""The greatest ``decode_tolerance`` that counts: what a method claims beyond it is refused, and not granted."""


def described(evidence: Evidence) -> Record:
    """What the method says of itself; only where it could be loaded."""
    assert evidence.described is not None
    return evidence.described


def tolerance_of(evidence: Evidence) -> float:
    """The greatest difference between two decodes of one stream that is granted."""
    claimed = described(evidence)["tolerance"]
    return min(float(claimed), MOST_TOLERANCE) if isinstance(claimed, int | float) else 0.0


def place_of(record: Record) -> str:
    """How a sentence names where a record belongs."""
    return f"{record['image']} at rate point {record['point']}"


def shape_of(evidence: Evidence, record: Record) -> list[int]:
    """The shape that a record's raw must have, (3, H, W)."""
    return list(evidence.images[record["image"]].srgb.shape)


def original_of(evidence: Evidence, record: Record) -> Record | None:
    """The record of the first encode of the same image and rate point."""
    return evidence.one("encode", "encode", image=record["image"], point=record["point"])


def differs(evidence: Evidence, record: Record) -> bool:
    """Whether a record of encoding again has other bytes than the first."""
    original = original_of(evidence, record)
    return original is not None and original["digest"] != record["digest"]


def clock_note(record: Record | None) -> str:
    """That the clock was read, for the end of a sentence."""
    return f" (it reads the clock: {', '.join(record['clock'])})" if record and record.get("clock") else ""


def how_ended(evidence: Evidence, process: str) -> str:
    """How a process that came to no end ended."""
    last = next((record for record in evidence.of(process) if "ended" in record), None)
    return f"{process} came to no end: {last['action']}: {last['error']}" if last else f"no evidence from {process}"


def failures(evidence: Evidence, images: list[str]) -> Iterator[str]:
    """A sentence for each step that failed on some images."""
    for record in evidence.of("encode", "setup", "encode", "decode_same", "decode_here"):
        if record.get("image", images[0]) not in images:
            continue
        if "error" in record:
            what = record["action"].partition("_")[0]
            where = place_of(record) if "image" in record else f"rate point {record['point']}"
            yield f"{where}: {what} failed: {record['error']}"
        elif record["action"] == "encode" and record["type"] != "bytes":
            yield f"{place_of(record)}: encode returned {record['type']}, not bytes"
    last = next((record for record in evidence.of("encode") if "ended" in record), None)
    if last and last["action"] not in ("setup", "encode", "decode_same", "decode_here"):
        yield f"{last['action']}: {last['error']}"


def decoded_records(evidence: Evidence, images: list[str]) -> list[Record]:
    """The records of some images that were decoded; raises NotJudged where there are none."""
    found = [r for r in evidence.of("encode", "decode_here") if r["image"] in images and "error" not in r]
    if not found:
        raise NotJudged("nothing was decoded")
    return found


def whole_images(evidence: Evidence, kind: str) -> Iterator[str]:
    """What failed, or came out wrong, on the images of a kind."""
    images = evidence.images_of(kind)
    failed = list(failures(evidence, images))
    yield from failed
    done = {record["image"] for record in evidence.of("encode", "decode_here")}
    missing = [image for image in images if image not in done]
    if missing and not failed:
        raise NotJudged(f"{', '.join(missing)} did not get as far as decode")
    for record in [] if failed else decoded_records(evidence, images):
        if fault := output_fault(record, shape_of(evidence, record), evidence.device):
            yield f"{place_of(record)}: {fault}"


def squared_error(evidence: Evidence, record: Record, raw: np.ndarray | None = None) -> float | None:
    """The mean squared error of what decode returned (to another raw, where one is given); None of what is no raw."""
    decoded, raw = evidence.array(record), evidence.images[record["image"]].raw if raw is None else raw
    return None if decoded is None or decoded.shape != raw.shape else float(((decoded - raw) ** 2).mean())


def distance(evidence: Evidence, first: Record, second: Record) -> float:
    """The greatest difference between what two records decoded."""
    return difference(evidence.array(first), evidence.array(second))


def difference(first: np.ndarray | None, second: np.ndarray | None) -> float:
    """The greatest absolute difference; infinite for other shapes or NaN on one side."""
    if first is None or second is None or first.shape != second.shape:
        return 0.0 if first is None and second is None else float("inf")
    unlike = ~((first == second) | (np.isnan(first) & np.isnan(second)))
    far = np.abs(first[unlike].astype(np.float64) - second[unlike])
    return float(np.nan_to_num(far, nan=np.inf).max(initial=0.0))


def damage_records(evidence: Evidence, action: str) -> list[Record]:
    """The records of an act on damaged streams; raises NotJudged where there are none."""
    records = list(evidence.of("damage", action))
    if not records:
        missing = [name for name in PAIR if not any(evidence.of("encode", "decode_here", image=name))]
        raise NotJudged("no honest stream to damage" if missing else how_ended(evidence, "damage"))
    return records


def not_refused(evidence: Evidence, action: str) -> Iterator[str]:
    """A sentence for each damaged or foreign stream that was not refused as it should be."""
    for record in damage_records(evidence, action):
        if fault := costly(evidence, record):
            yield f"{record['what']}: {fault}"
        elif "error" not in record:
            yield f"{record['what']}: it was decoded, and no StreamError came"
        elif not record.get("refused"):
            yield f"{record['what']}: {record['error']}, not StreamError"


def costly(evidence: Evidence, record: Record) -> str | None:
    """How a decoder that hangs, dies or eats memory on a damaged stream is told of."""
    if record.get("ended") == "hung":
        return f"decode did not end within {evidence.damaged_seconds:.0f} s"
    if record.get("ended") == "died":
        return record["error"]
    if record.get("out_of_memory") or record.get("grown_bytes", 0) > GROWN_BYTES:
        return "decode asks for large allocations: check what a payload claims before allocating by it"
    return None


def _wrong_shape(record: Record, shape: list[int], device: str) -> str | None:
    if record["type"] != "Tensor":
        return f"decode returned {record['type']}, not a tensor (a plain torch.Tensor)"
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


def output_fault(record: Record, shape: list[int], device: str) -> str | None:
    """The first thing that is wrong with what decode returned, or None."""
    return next((fault for _, judge in OUTPUT.values() if (fault := judge(record, shape, device))), None)
