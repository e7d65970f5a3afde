"""What several commands make of their arguments."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from rawbench.cli.catalogue import catalogue_of
from rawbench.codec import Codec
from rawbench.stream import Header


def split_commas(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    r"""``--methods a,b --methods c`` -> (a, b, c); ``\,`` is a comma inside of one, for whoever reads it."""
    return tuple(part.strip() for value in values for part in re.split(r"(?<!\\),", value) if part.strip())


def method_of_stream(header: Header) -> type[Codec]:
    """The method that a stream's header asks for.

    Raises:
        StreamError: it is not installed.
    """
    from rawbench.run.arrays import method_of

    return method_of(header, catalogue_of().methods)


def decoder_resources(codec: type[Codec], given: tuple[str, ...]) -> dict[str, object]:
    """The method's ``resource_options``, those given as ``NAME=VALUE`` among them.

    Raises:
        UsageError: another option, or a value that the method refuses.
    """
    from rawbench.errors import UsageError
    from rawbench.options import build_options, parse_spec

    known = codec.resource_options
    # One option each: a colon in it is its value's.
    _, values = parse_spec(":".join([codec.name, *(re.sub(r"(?<!\\):", r"\\:", one) for one in given)]))
    for name in values:
        if name not in known:
            what = f"only {', '.join(known)} can be given" if known else "it takes no options"
            raise UsageError(f"option {name!r}: the decoder of {codec.name} finds what it needs in the stream; {what}")
    options = build_options(codec.Options, values, f"method {codec.name}").model_dump()
    return {name: options[name] for name in known}


def last_run_for(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path:
    """The run that is named, or the last one made here: the callback of an argument RUN."""
    if value is not None or context.resilient_parsing:
        return value  # type: ignore[return-value]
    from rawbench.results.latest import last_runs

    (found,) = last_runs(1)
    click.echo(f"run: {found}", err=True)
    return found


run_argument = click.argument(
    "run", required=False, type=click.Path(path_type=Path), callback=last_run_for, metavar="[RUN]"
)


@contextmanager
def run_folder(out: Path | None) -> Iterator[Path]:
    """The folder asked for, or one that goes away."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="rawbench-") as folder:
        yield Path(folder)


def write_step_summary(markdown: str) -> None:
    """Add to the summary of a GitHub Actions job; nothing elsewhere.

    Raises:
        RawbenchError: the file cannot be written.
    """
    import os

    from rawbench.errors import RawbenchError

    if not (name := os.environ.get("GITHUB_STEP_SUMMARY")):
        return
    try:
        with open(name, "a", encoding="utf-8") as file:
            file.write(f"{markdown}\n\n")
    except OSError as error:
        raise RawbenchError(f"cannot write the job's summary {name}: {error.strerror}") from None


class Device(click.ParamType):
    """``auto``, ``cpu``, ``cuda``, or ``cuda:N`` for one of several cards."""

    name = "device"

    def __init__(self, *, auto: bool = True) -> None:
        self.known = ["auto"] * auto + ["cpu", "cuda", "cuda:N"]

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"[{'|'.join(self.known)}]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from rawbench.run.device import DEVICE

        if not re.fullmatch(DEVICE, value) or (value == "auto" and "auto" not in self.known):
            self.fail(f"{value!r} is not one of {', '.join(self.known)}.", param, ctx)
        return value


class PublishedCommand(click.Command):
    """Knows ``--published`` alone, and ``--published FILE.csv``: only a name that ends so belongs to it."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        found: list[str] = []
        for number, arg in enumerate(args):
            if number and args[number - 1] == "--published" and arg.lower().endswith(".csv"):
                found[-1] = f"--published={arg}"
            else:
                found.append("--published=" if arg == "--published" else arg)
        return super().parse_args(context, found)


published_option = click.option(
    "--published", multiple=True, metavar="[FILE.csv]",
    help="With what papers report, by their own protocols, and apart; of a file of yours too. Repeatable."
)  # fmt: skip
