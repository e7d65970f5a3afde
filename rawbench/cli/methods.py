"""``rawbench methods``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rawbench.cli.listing import describe_options, listing_group


def _describe(codec: Any) -> dict[str, Any]:
    options = codec.Options()
    capabilities = asdict(codec.capabilities)
    opt_outs = capabilities.pop("opt_outs")
    return {
        "paper": asdict(codec.paper) if codec.paper else {},
        "format_version": codec.format_version,
        "options": describe_options(codec.Options),
        "rate_points": [f"{point.name}" for point in codec.rate_points(options)],
        "capabilities": capabilities,
        "opted_out_checks": opt_outs,
        "complexity": dict(codec.complexity(options)),
    }


methods = listing_group("methods", _describe, "poly")
