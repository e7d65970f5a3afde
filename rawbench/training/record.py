"""What a run tells while it goes on: a CSV log, TensorBoard scalars, and lines of text."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rawbench.files import write_atomically

LOG = "training_log.csv"


class CsvLog:
    """A CSV file with one row a log or validation line, columns as they come.

    Args:
        path: the file.
        until: when resuming, keep the rows of steps up to this; without it, start empty.
    """

    def __init__(self, path: Path, until: int | None = None) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []
        if until is not None and path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["step"]) <= until]

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row and write the file."""
        self.rows.append(dict(row))
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue().encode(), durable=True)


class Recorder:
    """Writes figures to the CSV log, to TensorBoard and as text; made in the first process only.

    Args:
        out: the run's folder.
        echo: takes the lines of text.
        resumed_at: the step that a resumed run starts from; what was logged after it is forgotten.
    """

    def __init__(self, out: Path, echo: Callable[[str], None], resumed_at: int | None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        out.mkdir(parents=True, exist_ok=True)
        self.echo = echo
        self._csv = CsvLog(out / LOG, until=resumed_at)
        purge = None if resumed_at is None else resumed_at + 1
        self._board = SummaryWriter(str(out / "tensorboard"), purge_step=purge)

    def add(self, kind: str, where: Mapping[str, Any], figures: Mapping[str, float], note: str = "") -> None:
        """Record figures of a kind (train, validation).

        Args:
            kind: first part of each figure's name.
            where: columns that place the row in the run, among them ``step``.
            figures: names and values.
            note: end of the line of text.
        """
        self._csv.add({**where, **{f"{kind}/{name}": f"{value:.6g}" for name, value in figures.items()}})
        for name, value in figures.items():
            self._board.add_scalar(f"{kind}/{name}", value, where["step"])
        text = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.echo(f"step {where['step']}  {where['seconds'] / 60:.1f} min  {kind}: {text}{note}")

    def close(self) -> None:
        """Flush and close the files."""
        self._board.close()


class Means:
    """Means of scalars over the steps since they were last asked for."""

    def __init__(self) -> None:
        self._sums: dict[str, Any] = {}
        self._counts: dict[str, int] = {}

    def add(self, scalars: Mapping[str, Any]) -> None:
        """Add one step's scalars; tensors stay where they are, so that no device has to wait."""
        for name, value in scalars.items():
            value = value.detach() if hasattr(value, "detach") else value
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """Return the means and start again."""
        means = {name: float(value) / self._counts[name] for name, value in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means
