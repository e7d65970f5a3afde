"""Digests of canonical JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest_json(value: Any) -> str:
    """SHA-256 hex of canonical JSON: sorted keys, no spaces.

    Example:
        >>> digest_json({"b": 1, "a": 2}) == digest_json({"a": 2, "b": 1})
        True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
