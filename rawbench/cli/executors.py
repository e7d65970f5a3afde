"""``rawbench executors``."""

from __future__ import annotations

import inspect
from typing import Any

from rawbench.cli.listing import listing_group


def _describe(executor: Any) -> dict[str, Any]:
    return {"description": inspect.getdoc(executor) or executor.summary}


executors = listing_group("executors", _describe, "process")
