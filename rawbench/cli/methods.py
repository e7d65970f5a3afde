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
        "rate_points": _rate_points(codec, options),
        "capabilities": capabilities,
        "opted_out_checks": opt_outs,
        "complexity": dict(codec.complexity(options)),
    }


def _rate_points(codec: Any, options: Any) -> list[str]:
    from rawbench.errors import UsageError

    try:
        return [point.name for point in codec.rate_points(options)]
    except UsageError as error:
        return [str(error)]


methods = listing_group("methods", _describe, "poly")
