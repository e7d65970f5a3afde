"""Some methods of a committed run, measured again: their rows take the place of the old ones."""

from __future__ import annotations

from dataclasses import replace

from rawbench.errors import NotComparable
from rawbench.results.run import Run


def with_methods_of(committed: Run, run: Run) -> Run:
    """Return a committed run with the methods of another, whose names it may have already, in the place of its own.

    Raises:
        NotComparable: the two are of other images, of another protocol, or of other versions of a metric.
    """
    _check_alike(committed, run)
    again = {row.method for row in run.rows}  # the ceiling's too
    kept = [row for row in committed.rows if row.method not in again]
    order = {image: number for number, image in enumerate(committed.images)}
    rows = sorted([*kept, *run.rows], key=lambda row: (order[row.dataset, row.image], row.method, row.rate_order))
    timings = [timing for timing in committed.timings if timing.method not in run.methods]
    return replace(
        committed,
        meta=replace(run.meta, command=f"{committed.meta.command}\n{run.meta.command}"),
        rows=tuple(rows),
        methods=dict(sorted({**committed.methods, **run.methods}.items())),
        environments=(*committed.environments, *(e for e in run.environments if e not in committed.environments)),
        timings=(*timings, *run.timings),
    )


def _check_alike(committed: Run, run: Run) -> None:
    if committed.meta.protocol != run.meta.protocol:
        raise NotComparable(f"{run.name}: measured by another protocol than {committed.name}")
    old, new = ({place: facts.source_digest for place, facts in r.images.items()} for r in (committed, run))
    if old != new:
        odd = next(iter(sorted(old.items() ^ new.items())))[0]
        raise NotComparable(f"{run.name}: not on the images of {committed.name}: {odd[0]}/{odd[1]}")
    for name, metric in run.metrics.items():
        if name not in committed.metrics or committed.metrics[name].version != metric.version:
            raise NotComparable(f"{run.name}: metric {name} is not that of {committed.name}")
