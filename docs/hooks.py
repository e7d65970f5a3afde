"""What the site takes from the program itself, so that it cannot say anything else: commands, options, settings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import click


def commands(group: click.Group, prefix: str = "rawbench") -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command that comes with rawbench, those of groups too: its words, itself and a context to ask it with."""
    context = click.Context(group, info_name=prefix)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        words = f"{prefix} {name}"
        if isinstance(command, click.Group):
            yield from commands(command, words)
        else:
            yield words, command, click.Context(command, info_name=words, max_content_width=110, terminal_width=110)


def command_pages() -> str:
    """A section for each command with its help."""
    from rawbench.cli import group

    parts = [
        f"## {words}\n\n```text\n{command.get_help(context)}\n```\n" for words, command, context in commands(group)
    ]
    return "\n".join(parts)


def settings_table() -> str:
    """Every key of ``rawbench run --config FILE.toml``."""
    from rawbench.run.config import RunConfig

    return _table(RunConfig.model_fields)


def external_table() -> str:
    """Every key of the file of ``external``."""
    from rawbench.external.config import ExternalConfig

    return _table(ExternalConfig.model_fields)


def _table(fields: dict[str, Any]) -> str:
    rows = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in fields.items():
        kind = inspect.formatannotation(field.annotation).replace("typing.", "").replace("|", "or")
        kind = kind.replace("rawbench.external.config.", "")
        default = "required" if field.is_required() else repr(field.get_default(call_default_factory=True))
        rows.append(f"| `{name}` | {kind} | `{default}` | {field.description or ''} |")
    return "\n".join(rows)


def frame_table() -> str:
    """The columns of ``rawbench.load``."""
    from rawbench.results.frame import PLACE, SECONDS
    from rawbench.results.run import RATES

    names = [*PLACE, *RATES, "every metric by its name", "status", "message", *SECONDS]
    return ", ".join(f"`{name}`" for name in names)


def export_columns() -> str:
    """The columns of ``rawbench export``."""
    from rawbench.results.export import COLUMNS

    return ", ".join(f"`{name}`" for name in COLUMNS)


def metric_table() -> str:
    """Every metric and rate, with its definition."""
    from rawbench.metrics import BUILT_IN
    from rawbench.run.rate import RATES

    rows = ["| column | what it is |", "| --- | --- |"]
    rows += [f"| `{name}` | {summary.replace('|', chr(92) + '|')} |" for name, (_, summary) in BUILT_IN.items()]
    rows += [f"| `{rate.name}` | {rate.summary} ({rate.unit}) |" for rate in RATES]
    return "\n".join(rows)


MADE = {
    "commands": command_pages,
    "settings": settings_table,
    "external keys": external_table,
    "frame columns": frame_table,
    "export columns": export_columns,
    "metrics": metric_table,
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put what is made here where a page says ``<!-- made: NAME -->``."""
    for name, make in MADE.items():
        if (mark := f"<!-- made: {name} -->") in markdown:
            markdown = markdown.replace(mark, make())
    return markdown
