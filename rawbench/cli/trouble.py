"""What nobody expected, in one line."""

from __future__ import annotations

from pathlib import Path

import click

INTERNAL_ERROR = 5


def wants_traceback() -> bool:
    """Whether ``rawbench --traceback`` was asked for."""
    context = click.get_current_context(silent=True)
    return bool(context is not None and (context.find_object(dict) or {}).get("traceback"))


def internal_error(error: BaseException, whole: bool) -> int:
    """Say what went wrong inside of rawbench or a plugin; ``whole`` shows where. Returns the exit code."""
    import traceback

    if whole:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = " ".join(str(error).split())[:500]
    hint = "" if whole else "; 'rawbench --traceback ...' shows where"
    click.echo(f"rawbench: internal error: {type(error).__name__}: {text}{where}{hint}", err=True)
    return INTERNAL_ERROR
