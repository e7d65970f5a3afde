"""``list`` and ``show`` for everything that has a name; the groups differ only in what a thing says of itself."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

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
            click.echo(wrapped(f"{row['name']:<{width}}  {row['summary']}  [{row['plugin']}]", width + 2))

    @group.command(
        name="show",
        help=f"Show all that the {singular} NAME says of itself.",
        epilog=f"Example: rawbench {kind} show {example} --json",
    )
    @click.argument("name")
    @click.option("--json", "as_json", is_flag=True, help="As JSON.")
    def show_command(name: str, as_json: bool) -> None:
        found = dict(facts[name]) if name in facts else _found(kind, name, describe)
        click.echo(json.dumps(found, indent=2, default=str) if as_json else _lines(found))

    return group


def _found(kind: str, name: str, describe: Describe) -> dict[str, Any]:
    registry = getattr(catalogue_of(), kind)
    entry = registry.entry(name)
    return {"name": entry.name, "summary": entry.summary, "plugin": entry.plugin} | describe(registry.load(name))


def describe_options(model: Any) -> dict[str, str]:
    """Each option with type, default and meaning."""
    described = {}
    for name, info in model.model_fields.items():
        default = info.get_default(call_default_factory=True)
        said = str(default) if isinstance(default, float) else _value(default)
        text = f"{_kind(info.annotation)}, {'required' if info.is_required() else f'default {said}'}"
        described[name] = f"{text}. {info.description}" if info.description else text
    return described


def _kind(annotation: Any) -> str:
    """An option's type as a user writes it: the values of a choice, a path, a number."""
    if get_origin(annotation) is Literal:
        return "|".join(map(str, get_args(annotation)))
    if parts := [part for part in get_args(annotation) if part is not type(None)]:
        return "|".join(map(_kind, parts))
    return {"str": "text", "bool": "true|false", "Path": "file"}.get(annotation.__name__, annotation.__name__)


def _value(value: Any) -> str:
    """A value as a user writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value)) or "none"
    return "none" if value in (None, "") else f"{value:,.6g}" if isinstance(value, float) else str(value)


def _lines(found: dict[str, Any]) -> str:
    lines = []
    for key, value in found.items():
        title = key.replace("_", " ")
        if isinstance(value, list):
            title += f" ({len(value)})"
        if isinstance(value, dict):
            lines.append(f"{title}:" if value else f"{title}: none")
            lines += [wrapped(f"  {name}: {_value(item)}", 4) for name, item in value.items()]
        else:
            lines.append(wrapped(f"{title}: {_value(value)}", 2))
    return "\n".join(lines)


def wrapped(text: str, indent: int) -> str:
    """A text for a terminal: no line wider than the terminal.

    Args:
        text: one paragraph.
        indent: of all lines but the first.
    """
    # Where there is no terminal and no COLUMNS, lines are for other programs: as long as they are.
    columns = shutil.get_terminal_size((0, 0)).columns
    if not columns:
        return text
    lines = textwrap.wrap(text, columns, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)
