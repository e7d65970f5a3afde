"""``list`` and ``show`` for everything that has a name; the groups differ only in what a thing says of itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import click

from rawbench.cli.catalogue import catalogue_of

Describe = Callable[[Any], dict[str, Any]]


def listing_group(
    kind: str, describe: Describe, example: str, facts: Mapping[str, dict[str, Any]] = MappingProxyType({})
) -> click.Group:
    """A group with ``list [--json]`` and ``show NAME [--json]``.

    Args:
        kind: the catalogue's attribute: ``methods``, ``datasets``, ``metrics``, ``executors``.
        describe: a class -> what ``show`` prints, in order.
        example: a name for the help.
        facts: further names that no plugin brings, each with what ``show`` prints.
    """
    singular = kind[:-1]

    @click.group(name=kind, help=f"List and show {kind}.", epilog=f"Example: rawbench {kind} show {example}")
    def group() -> None: ...

    def _found(name: str) -> dict[str, Any]:
        registry = getattr(catalogue_of(), kind)
        entry = registry.entry(name)
        found = {"name": entry.name, "summary": entry.summary, "plugin": entry.plugin}
        return found | describe(registry.load(name))

    @group.command(
        name="list",
        help=f"List the {kind} of all plugins, a line each.",
        epilog=f"Example: rawbench {kind} list --json",
    )
    @click.option("--json", "as_json", is_flag=True, help="As JSON.")
    def list_command(as_json: bool) -> None:
        registry = getattr(catalogue_of(), kind)
        rows = [{"name": e.name, "summary": e.summary, "plugin": e.plugin} for e in registry]
        rows += [{key: fact[key] for key in ("name", "summary", "plugin")} for fact in facts.values()]
        if as_json:
            click.echo(json.dumps(rows, indent=2))
            return
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            click.echo(f"{row['name']:<{width}}  {row['summary']}  [{row['plugin']}]")

    @group.command(
        name="show",
        help=f"Show all that a {singular} says of itself.",
        epilog=f"Example: rawbench {kind} show {example} --json",
    )
    @click.argument("name")
    @click.option("--json", "as_json", is_flag=True, help="As JSON.")
    def show_command(name: str, as_json: bool) -> None:
        found = dict(facts[name]) if name in facts else _found(name)
        click.echo(json.dumps(found, indent=2, default=str) if as_json else _lines(found))

    return group


def describe_options(model: Any) -> dict[str, str]:
    """Each option with type, default and meaning."""
    described = {}
    for name, info in model.model_fields.items():
        kind = getattr(info.annotation, "__name__", None) or str(info.annotation).replace("typing.", "")
        default = info.get_default(call_default_factory=True)
        text = f"{kind}, default {default!r}" if not info.is_required() else f"{kind}, required"
        described[name] = f"{text}. {info.description}" if info.description else text
    return described


def _lines(found: dict[str, Any]) -> str:
    lines = []
    for key, value in found.items():
        title = key.replace("_", " ")
        if isinstance(value, dict):
            lines.append(f"{title}:" if value else f"{title}: none")
            lines += [f"  {name}: {item}" for name, item in value.items()]
        elif isinstance(value, list):
            lines.append(f"{title}: {', '.join(map(str, value)) or 'none'}")
        else:
            lines.append(f"{title}: {value}")
    return "\n".join(lines)
