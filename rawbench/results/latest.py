"""Which runs lie in a folder, and which was made last."""

from __future__ import annotations

from pathlib import Path

from rawbench.errors import RawbenchError, UsageError
from rawbench.results.store import DATABASE, Store

RUNS = Path("rawbench-runs")
"""Where runs go that are given no folder."""


def runs_below(folder: Path = RUNS) -> list[Path]:
    """The run folders in a folder, by name.

    Raises:
        UsageError: there are none.
    """
    found = sorted(path.parent for path in folder.glob(f"*/{DATABASE}"))
    if not found:
        raise UsageError(f"{folder} holds no runs")
    return found


def last_runs(count: int, folder: Path = RUNS) -> list[Path]:
    """The runs that were made last, the last one at the end; those that cannot be read are none.

    Raises:
        UsageError: there are fewer.
    """
    dated = sorted((date, path) for path in runs_below(folder) if (date := _date(path)))
    if len(dated) < count:
        raise UsageError(f"{folder} holds {len(dated)} of the {count} runs that are needed; name them")
    return [path for _, path in dated[-count:]]


def _date(path: Path) -> str:
    try:
        with Store.open(path) as store:
            return store.meta().get("last_run", "")
    except RawbenchError:
        return ""
