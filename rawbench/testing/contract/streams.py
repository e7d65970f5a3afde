"""Damaged, foreign and old streams."""

from __future__ import annotations

from collections.abc import Iterator

from rawbench.testing.contract.check import NotJudged, check
from rawbench.testing.contract.reading import (
    costly,
    damage_records,
    difference,
    not_refused,
    output_fault,
    tolerance_of,
)
from rawbench.testing.evidence import Evidence


@check("damaged_files", "cut, flipped and empty files raise StreamError, soon and without much memory", "damage")
def damaged_files(evidence: Evidence) -> Iterator[str]:
    yield from not_refused(evidence, "damaged_file")


@check("foreign_files", "files of another image, size, method or version raise StreamError", "damage")
def foreign_files(evidence: Evidence) -> Iterator[str]:
    yield from not_refused(evidence, "foreign_file")


@check(
    "damaged_payloads",
    "decode itself raises StreamError on a malformed payload, or returns a valid raw, soon and without much memory",
    "damage",
)
def damaged_payloads(evidence: Evidence) -> Iterator[str]:
    for record in damage_records(evidence, "damaged_payload"):
        if fault := costly(evidence, record):
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
        far = difference(decoded, kept)
        if far > tolerance_of(evidence):
            yield (
                f"golden stream {record['image']}: decodes to a raw that differs by {far:.3g} from the one kept: "
                "give the new format another format_version, and keep reading the old"
            )
