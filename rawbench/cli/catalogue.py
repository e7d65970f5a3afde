"""The catalogue of plugins that a command works with, loaded once, its warnings printed once."""

from __future__ import annotations

from typing import Any

import click

from rawbench.plugins import Catalogue, load_plugins


def catalogue_of(context: click.Context | None = None) -> Catalogue:
    """Load the plugins, or return those that were loaded for this command line."""
    context = context or click.get_current_context()
    state: dict[str, Any] = context.find_root().ensure_object(dict)
    if "catalogue" not in state:
        state["catalogue"] = load_plugins(state.get("plugins", ()))
        for warning in state["catalogue"].warnings:
            click.echo(f"rawbench: warning: {warning}", err=True)
    return state["catalogue"]
