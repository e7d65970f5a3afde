"""Values as SQLite and JSON can hold them, whatever a plugin hands over."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

_LARGEST = 2**63 - 1


def as_text(value: Any) -> str:
    """Text that is UTF-8: what is not is escaped.

    >>> as_text("caf\\udce9.bin")
    'caf\\\\udce9.bin'
    """
    return str(value).encode("utf-8", "backslashreplace").decode()


def one_line(text: object, length: int = 300) -> str:
    """A message on one line, and not endless, whatever of a foreign file is quoted in it.

    >>> one_line("no table\\n  rows"), one_line("x" * 9, 5)
    ('no table rows', 'xxxxx...')
    """
    found = as_text(" ".join(str(text).split()))
    return found if len(found) <= length else f"{found[:length]}..."


def plain(value: Any) -> Any:
    """A value for a column: NULL, a number, text, or JSON for what has parts; NaN is NULL.

    >>> plain(float("nan")), plain(True), plain(2**70), plain({"a": (1, 2)})
    (None, 1, 1.1805916207174113e+21, '{"a": [1, 2]}')
    """
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return json.dumps(_parts(value), sort_keys=True)
    return _number(value) if isinstance(value, Real) else as_text(value)


def _number(value: Real) -> int | float | None:
    if isinstance(value, Integral):
        whole = int(value)
        if abs(whole) <= _LARGEST:
            return whole
        if whole.bit_length() > 1023:
            return math.inf if whole > 0 else -math.inf
    number = float(value)
    return None if math.isnan(number) else number


def _parts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {as_text(key): _parts(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_parts(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return _number(value) if isinstance(value, Real) else as_text(value)


def flat(text: str) -> str:
    """Text on one line and without control characters: what is one becomes a space."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text)


def safe_cell(value: Any) -> Any:
    """Text that no spreadsheet computes, on one line: a formula gets an apostrophe before it; numbers stay.

    >>> safe_cell("=1+1"), safe_cell("-cmd"), safe_cell("-2.5"), safe_cell("-"), safe_cell(-2.5)
    ("'=1+1", "'-cmd", '-2.5', '-', -2.5)
    """
    if not isinstance(value, str):
        return value
    text = flat(value)
    if text.lstrip()[:1] not in ("=", "+", "-", "@") or text in ("-", "+"):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
