"""``rawbench runs``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command(epilog="Example: rawbench runs --json")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("rawbench-runs"))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def runs(folder: Path, as_json: bool) -> None:
    """List the runs in FOLDER (rawbench-runs unless named), the last one first: when, what and by which command."""
    from rawbench.results.latest import runs_below

    rows = sorted((_described(path) for path in runs_below(folder)), key=lambda row: row["last_run"], reverse=True)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        counts = f"{row['cells']} cells" + (f", {row['failed']} failed" if row["failed"] else "")
        click.echo(f"{row['run']}  {row['last_run'] or 'no date'}  {', '.join(row['datasets'])}: "
                   f"{', '.join(row['methods'])}  ({counts})")  # fmt: skip
        for line in row["problem"].splitlines() + row["command"].splitlines():
            click.echo(f"    {line}")


def _described(path: Path) -> dict[str, Any]:
    """What a run says of itself; one that cannot be read says why."""
    from rawbench.errors import RawbenchError
    from rawbench.results.store import Store

    found: dict[str, Any] = {"run": str(path), "last_run": "", "methods": [], "datasets": [], "cells": 0, "failed": 0,
                             "command": "", "problem": ""}  # fmt: skip
    try:
        with Store.open(path) as store:
            meta, statuses = store.meta(), [cell["status"] for cell in store.each_cell()]
            found |= {"last_run": meta.get("last_run", ""), "command": meta.get("command", ""), "cells": len(statuses)}
            found |= {name: [row[name[:-1]] for row in store.table(name)] for name in ("methods", "datasets")}
            found["failed"] = sum(status != "ok" for status in statuses)
    except RawbenchError as error:
        found["problem"] = str(error)
    return found
