"""What ``rawbench check`` said of methods, kept by the digest of their code, options and weights.

A number is as good as the method that made it, so that tables say of every method whether it passed the conformance
kit with this very code and these weights. The file is JSON::

    {"schema_version": 1, "checked": {KEY: {"method": "cam", "device": "cpu", "failed": [], "opted_out": {...},
                                            "decode_tolerance": 1e-05, "rawbench": "0.1.0"}}}

Outcomes are looked for in the user's own file (``$RAWBENCH_CHECKED``, else ``checked.json`` in ``rawbench`` of the
XDG state folder), beside a run, and in ``results/checked.json``, which travels with rawbench.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rawbench.errors import NotComparable, RawbenchError
from rawbench.files import shipped, write_atomically
from rawbench.keys import digest_json

FILE = "checked.json"
SCHEMA_VERSION = 1
LOOSE = 1e-3
"""A ``decode_tolerance`` above this is told of: two decodes of one stream may differ visibly."""


class Checked(BaseModel):
    """What came of all checks of one method.

    Attributes:
        method: the label.
        device: ``cpu`` or ``cuda``.
        failed: names of the checks that failed.
        opted_out: names of checks that the method opts out of, with its reasons.
        decode_tolerance: greatest difference that it allows between two decodes of one stream.
        rawbench: the version that checked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    device: str = "cpu"
    failed: tuple[str, ...] = ()
    opted_out: dict[str, str] = Field(default_factory=dict)
    decode_tolerance: float = 0.0
    rawbench: str = ""

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not self.failed


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_version: int
    checked: dict[str, Checked]


def checked_key(name: str, options: Mapping[str, Any], code_digest: str, identity: Mapping[str, Any]) -> str:
    """What outcomes are kept by: all values are those of the run's table of methods.

    Example:
        >>> checked_key("poly", {"degree": 2}, "c0de", {}) == checked_key("poly", {"degree": 3}, "c0de", {})
        False
    """
    return digest_json(["checked", name, dict(options), code_digest, dict(identity)])[:32]


def key_of_method(method: Mapping[str, Any]) -> str:
    """The key of a row of the run's table of methods (``name``, ``options``, ``code_digest``, ``identity``)."""
    return checked_key(method["name"], method["options"], method["code_digest"], method["identity"])


def verdict(outcome: Checked | None) -> str:
    """What tables say of a method, in some words.

    Example:
        >>> verdict(None)
        'not checked'
        >>> verdict(Checked(method="poly"))
        'passed'
        >>> verdict(Checked(method="x", failed=("range",), opted_out={"noise_images": "why"}, decode_tolerance=0.01))
        'failed range; opts out of noise_images; decodes may differ by 0.01'
    """
    if outcome is None:
        return "not checked"
    parts = ["passed" if outcome.passed else f"failed {', '.join(outcome.failed)}"]
    if outcome.opted_out:
        parts.append(f"opts out of {', '.join(sorted(outcome.opted_out))}")
    if outcome.decode_tolerance > LOOSE:
        parts.append(f"decodes may differ by {outcome.decode_tolerance:g}")
    return "; ".join(parts)


def user_file() -> Path:
    """Where the outcomes of this user's checks are kept."""
    if given := os.environ.get("RAWBENCH_CHECKED"):
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "rawbench" / FILE


def known_outcomes(run_folder: Path | None = None) -> dict[str, Checked]:
    """All outcomes that are known here: those that travel with rawbench, beside the run, and the user's, which win.

    A file that cannot be read or is damaged counts as absent: its methods are "not checked".
    """
    files = [shipped(FILE), *([run_folder / FILE] if run_folder else []), user_file()]
    found: dict[str, Checked] = {}
    for path in files:
        try:
            found |= read_checked(path)
        except NotComparable:
            continue
    return found


def read_checked(path: Path) -> dict[str, Checked]:
    """The outcomes in a file: key -> outcome; none where there is no file.

    Raises:
        NotComparable: it cannot be read, or is no such file.
    """
    try:
        found = _File.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise NotComparable(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        raise NotComparable(f"{path}: no outcomes of checks: {error.errors()[0]['msg']}") from None
    if found.schema_version != SCHEMA_VERSION:
        raise NotComparable(f"{path}: outcomes of schema version {found.schema_version}, not {SCHEMA_VERSION}")
    return found.checked


def keep_checked(path: Path, outcomes: Mapping[str, Checked]) -> None:
    """Add outcomes to a file, in place of older ones of the same keys; a damaged file is replaced.

    Raises:
        RawbenchError: it cannot be written.
    """
    try:
        kept = read_checked(path)
    except NotComparable:
        kept = {}
    merged = {key: outcome.model_dump(mode="json") for key, outcome in sorted({**kept, **outcomes}.items())}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RawbenchError(f"cannot write {path}: {error.strerror}") from None
    text = json.dumps({"schema_version": SCHEMA_VERSION, "checked": merged}, indent=1, sort_keys=True)
    write_atomically(path, f"{text}\n".encode())


def outcomes_of(methods: Iterable[Mapping[str, Any]], known: Mapping[str, Checked]) -> dict[str, Checked]:
    """Those outcomes that are about some rows of a run's table of methods: what is copied beside the run."""
    keys = [key_of_method(method) for method in methods]
    return {key: known[key] for key in keys if key in known}
