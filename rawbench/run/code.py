"""The digest of the code that decides what a method writes."""

from __future__ import annotations

import hashlib
import importlib
import sys
from functools import lru_cache
from pathlib import Path

_BESIDE_BLOCKS = ("srgb", "stream", "varint")


@lru_cache(maxsize=256)
def code_digest(module: str) -> str:
    """Digest of the code behind a method: its package, and the harness's modules that methods build on."""
    files = _package_files(module) if module != "__main__" else []
    harness = Path(__file__).parents[1]
    files += sorted([*(harness / "blocks").rglob("*.py"), *(harness / f"{name}.py" for name in _BESIDE_BLOCKS)])
    total = hashlib.sha256()
    for path in files:
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


def _package_files(module: str) -> list[Path]:
    top = sys.modules.get(module.partition(".")[0]) or importlib.import_module(module.partition(".")[0])
    if getattr(top, "__path__", None):
        return sorted(p for folder in top.__path__ for p in Path(folder).rglob("*.py"))
    path = getattr(top, "__file__", None)
    return [Path(path)] if path else []
