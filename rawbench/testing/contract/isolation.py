"""Nothing but the stream and the sRGB reaches the decoder, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator

from rawbench.testing.contract.check import NotJudged, check
from rawbench.testing.contract.reading import (
    clock_note,
    differs,
    distance,
    how_ended,
    original_of,
    place_of,
    squared_error,
    tolerance_of,
)
from rawbench.testing.evidence import MISLED_FIRST, Evidence

NEARER = 10.0  # so much nearer to another raw than to its own is no chance


@check(
    "repeatable_encode",
    "encoding again gives the same bytes: same instance, another, other process",
    "again",
    firm=True,
)
def repeatable_encode(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("encode", "repeat"):
        if "error" in record:
            yield f"{place_of(record)}: encoding again {record['how']} fails: {record['error']}"
        elif differs(evidence, record):
            yield (
                f"{place_of(record)}: encoding again {record['how']} gives other bytes: unseeded random numbers, "
                f"the clock, or something kept from an earlier call{clock_note(original_of(evidence, record))}"
            )
    for record in evidence.of("again", "encode_again"):
        if "error" in record and original_of(evidence, record):
            yield f"{place_of(record)}: encoding in another process fails: {record['error']}"
        elif "error" not in record and differs(evidence, record):
            yield (
                f"{place_of(record)}: encoding in another process gives other bytes: unseeded random numbers, the "
                f"clock or the order of a set or dict of strings{clock_note(original_of(evidence, record))}"
            )


@check("fresh_instance", "the instance that encoded and a new one decode to the same raw", firm=True)
def fresh_instance(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("encode", "decode_here"):
        same = evidence.one("encode", "decode_same", image=record["image"], point=record["point"])
        if same is None:
            continue
        if "error" in record:
            yield (
                f"{place_of(record)}: the instance that encoded can decode and a new one cannot ({record['error']}): "
                "put what it needs into the payload"
            )
        elif (far := distance(evidence, record, same)) > tolerance_of(evidence):
            yield (
                f"{place_of(record)}: the instance that encoded and a new one decode to raws that differ by {far:.3g}: "
                f"something stays in the instance, or decode does not repeat itself{clock_note(record)}"
            )


@check("fresh_process", "a fresh process decodes to the same raw from the file and the sRGB alone", "decode", firm=True)
def fresh_process(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("decode", "decode"):
        here = evidence.one("encode", "decode_here", image=record["image"], point=record["point"])
        if here is None:
            continue
        if "error" in record:
            yield (
                f"{place_of(record)}: decode fails in a fresh process that has the file and the sRGB alone "
                f"({record['error']}), and works where the image was encoded: something else than the stream "
                "reached the decoder there, such as a module global"
            )
        elif (far := distance(evidence, record, here)) > tolerance_of(evidence):
            yield (
                f"{place_of(record)}: decode in a fresh process differs by {far:.3g} from decode where the image was "
                f"encoded: something else than the stream and the sRGB reached the decoder, such as a module global, "
                f"the clock or unseeded random numbers{clock_note(record)}"
            )
    yield from _misled(evidence)
    if not any(evidence.of("decode", "decode")):
        raise NotJudged(how_ended(evidence, "decode"))


def _misled(evidence: Evidence) -> Iterator[str]:
    """Decoding to the raw that an earlier process encoded with the same sRGB."""
    for image in MISLED_FIRST:
        for record in evidence.of("decode", "decode", image=image):
            own = squared_error(evidence, record)
            other = squared_error(evidence, record, evidence.images[image].raw[:, ::-1, ::-1])
            if own is not None and other is not None and NEARER * other < own:
                yield (
                    f"{place_of(record)}: decode gives another raw, which an earlier process encoded with the same "
                    "sRGB: something else than the stream reached the decoder"
                )


@check("known_files", "decode reads no file but those that count in the method's identity", "decode")
def known_files(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("decode", "traces"):
        for path in record.get("read", ()):
            yield (
                f"decode or its setup reads {path}, which is no part of the method: put it into the package, or let an "
                "option name it (resource_options)"
            )


@check(
    "same_everywhere",
    "a stream decodes to the same raw under other threads, vector width, hash seed, random state, clock and host",
    "decode",
    "elsewhere",
)
def same_everywhere(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("elsewhere", "decode"):
        here = evidence.one("decode", "decode", image=record["image"], point=record["point"])
        if here is None:
            continue
        if "error" in record:
            yield f"{place_of(record)}: decode fails in other surroundings: {record['error']}"
        elif (far := distance(evidence, record, here)) > tolerance_of(evidence):
            yield (
                f"{place_of(record)}: two fresh processes decode one stream to raws that differ by {far:.3g} (allowed: "
                f"{tolerance_of(evidence):.3g}); they differ in threads, vector width, hash seed, random state, clock, "
                f"host and language{clock_note(record)}"
            )
    if not any(evidence.of("elsewhere", "decode")):
        raise NotJudged(how_ended(evidence, "elsewhere"))


@check("interleaved", "two instances that take turns do not disturb each other")
def interleaved(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("encode", "interleaved_setup", "interleaved_encode", "interleaved_decode"):
        if "error" in record:
            yield f"two instances that take turns: {record['error']}"
        elif record["action"] == "interleaved_encode" and differs(evidence, record):
            yield (
                f"{place_of(record)}: an instance that takes turns with another encodes to other bytes than alone: "
                "instances share state, such as a class attribute or a module global"
            )
        elif record["action"] == "interleaved_decode":
            alone = evidence.one("encode", "decode_here", image=record["image"], point=record["point"])
            if alone and (far := distance(evidence, record, alone)) > tolerance_of(evidence):
                yield (
                    f"{place_of(record)}: an instance that takes turns with another decodes to a raw that differs by "
                    f"{far:.3g} from the one alone: instances share state{clock_note(record)}"
                )


TRACES = {
    "connected": "connect to {}",
    "databases": "open the database {}",
    "shared": "map the shared memory {}",
    "native": "load native code by ctypes ({}), whose deeds cannot be followed: wrap it in an extension module",
    "children": "leave a process running: {}",
    "files": "left a file behind: {}; what the decoder needs belongs into the payload",
}


@check(
    "nothing_left_behind",
    "encode and decode leave no file, process or shared memory behind, open no database and connect to nothing",
    "decode",
    firm=True,
)
def nothing_left_behind(evidence: Evidence) -> Iterator[str]:
    records = [record for process in ("encode", "decode") for record in evidence.of(process, "traces")]
    if not any(evidence.of("encode", "traces")):
        raise NotJudged(how_ended(evidence, "encode"))
    for kind, sentence in TRACES.items():
        for what in dict.fromkeys(what for record in records for what in record.get(kind, ())):
            yield f"encode or decode {sentence.format(what)}"


@check(
    "keeps_nothing",
    "encode and decode keep nothing of an image when they return, and their work is done then",
    firm=True,
)
def keeps_nothing(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("encode", "keeping"):
        if "error" in record:
            yield f"{place_of(record)}: encoding and decoding images that were rolled: {record['error']}"
        for what in record.get("growing", ()):
            yield f"{what} grows with every image: what is kept may reach a decoder, or a second call that is timed"
        if not record.get("settled", True):
            yield "what decode returned changes after it returned: it is not done with its work"


@check("inputs_untouched", "encode and decode leave raw and sRGB as they were given")
def inputs_untouched(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("encode", "encode", "decode_same", "decode_here"):
        for which, name in (("raw", "raw_untouched"), ("srgb", "srgb_untouched")):
            if not record.get(name, True):
                yield f"{place_of(record)}: {record['action'].partition('_')[0]} changed {which} in place"


@check("global_state", "threads, random states, default dtype, flags and environment are left as found")
def global_state(evidence: Evidence) -> Iterator[str]:
    for record in evidence.of("encode", "state"):
        if "changed" not in record and "error" in record:
            raise NotJudged(f"the method does not run: {record['error']}")
        yield from (f"it leaves {change} changed{_advice(change)}" for change in record.get("changed", ()))


def _advice(change: str) -> str:
    if "torch's random state" not in change:
        return ""
    return ": build and initialise networks inside `with torch.random.fork_rng():`, or draw from a torch.Generator"
