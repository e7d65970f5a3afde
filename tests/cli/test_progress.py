from __future__ import annotations

import io
from types import SimpleNamespace

from rich.console import Console
from rich.progress import Progress

from rawbench.cli.progress import BarSteps, LineProgress, LineSteps
from rawbench.codec import Context


def test_lines_say_how_far_a_step_is_but_not_too_often(capsys):
    steps = LineSteps(every_seconds=0)
    steps.step("decoding it")
    steps.advance(3, 8)
    assert capsys.readouterr().err == "decoding it: 38%\n"
    steps = LineSteps(every_seconds=1000)
    steps.advance(3, 8)
    assert capsys.readouterr().err == ""


def test_a_bar_shows_the_last_step_alone():
    with Progress(console=Console(file=io.StringIO())) as bar:
        steps = BarSteps(bar)
        steps.step("reading")
        steps.step("encoding")
        Context(advance=steps.advance).advance(2, 5)
        (task,) = bar.tasks
        assert (task.description, task.completed, task.total) == ("encoding", 2, 5)


def test_a_part_of_the_work():
    told = []
    context = Context(advance=lambda done, total: told.append(done / total))
    for done in (0, 2, 4):
        context.part(0.5, 0.75)(done, 4)
    assert told == [0.5, 0.625, 0.75]


def test_what_a_method_skips_is_said_once_a_dataset(capsys):
    progress = LineProgress(every_seconds=0)
    progress.start(4, 0)
    for image, status in enumerate(("skipped", "skipped", "error", "ok")):
        method, dataset = SimpleNamespace(label="mine"), SimpleNamespace(label="theirs")
        cell = SimpleNamespace(title=f"mine q=1 on theirs/{image}", method=method, dataset=dataset)
        progress.finished(cell, SimpleNamespace(status=status, measurements=(), message=f"{cell.title}: for a reason"))
    told = capsys.readouterr()
    assert told.err == "skipped: mine on theirs: for a reason\nerror: mine q=1 on theirs/2: for a reason\n"
    assert "4/4, 2 skipped, 1 failed" in told.out


def test_nobody_has_to_watch():
    Context().advance(1, 2)
