"""The command line: one thin function a command, each in the module of its name, loaded when it is called.

Exit codes: 0 fine, 1 regression, 2 usage, 3 not comparable, 4 a method or cell failed, 5 internal error,
130 stopped by Ctrl-C.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from typing import Any

import click

from rawbench import __version__
from rawbench.cli.trouble import internal_error
from rawbench.errors import RawbenchError
from rawbench.executors.outputs import forgive_closed_outputs

COMMANDS = {
    "run": "Measure methods on a dataset.",
    "runs": "List the runs of a folder.",
    "merge": "Put parts of a run into one.",
    "table": "Print a run's rate-distortion table.",
    "export": "Write a run's rows as CSV, Parquet or JSON.",
    "compare": "Put two runs side by side.",
    "leaderboard": "Write the table of all committed runs.",
    "report": "Write a run's report as one HTML file.",
    "plot": "Draw rate-distortion curves for a paper.",
    "regress": "Hold methods to a reference.",
    "reference": "Make and update references.",
    "methods": "List and show methods.",
    "datasets": "List, show, check, simulate, prepare and verify datasets.",
    "metrics": "List, show and check metrics.",
    "executors": "List and show executors.",
    "plugins": "Show what is plugged in.",
    "env": "Show versions and hardware.",
    "encode": "Write the metadata of a photograph.",
    "decode": "Rebuild a raw image from metadata and sRGB.",
    "pack": "Put the metadata of photographs into their JPEGs.",
    "unpack": "Rebuild a DNG from a packed JPEG.",
    "inspect": "Show what a stream or a packed JPEG says of itself.",
    "check": "Hold a method to the contract.",
    "train": "Train a learned method.",
    "new": "Start a plugin: a project for a method, dataset or metric.",
}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """Knows its commands by name and imports the one that is called; plugins' commands come after."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(context, plugins_first(args))

    def list_commands(self, context: click.Context) -> list[str]:
        return [*COMMANDS, *self._plugin_commands(context).names()]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in COMMANDS:
            return getattr(importlib.import_module(f"rawbench.cli.{name}"), name)
        commands = self._plugin_commands(context)
        return commands.load(name) if name in commands.names() else None

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        rows = list(COMMANDS.items())
        rows += [(entry.name, entry.summary) for entry in self._plugin_commands(context)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(self, context: click.Context, args: list[str]) -> Any:
        name = args[0]
        if self.get_command(context, name) is None:
            from rawbench.errors import suggest

            raise click.UsageError(f"no command {name!r}{suggest(name, self.list_commands(context))}", context)
        return super().resolve_command(context, args)

    def _plugin_commands(self, context: click.Context) -> Any:
        from rawbench.cli.catalogue import catalogue_of

        return catalogue_of(context).commands


def plugins_first(args: list[str]) -> list[str]:
    """``run --plugin FILE`` as ``--plugin FILE run``: which commands and methods there are depends on it.

    ``--traceback`` too is for any command; so is ``--threads N``, read before anything that computes is loaded.
    """
    first: list[str] = []
    rest: list[str] = []
    given = iter(args)
    for arg in given:
        if arg == "--":
            rest += [arg, *given]
        elif arg in ("--plugin", "--threads"):
            value = next(given, None)
            if value is None:
                rest.append(arg)  # and the command says what is wrong
            else:
                first += [arg, value]
        else:
            early = arg.startswith(("--plugin=", "--threads=")) or arg == "--traceback"
            (first if early else rest).append(arg)
    return [*first, *rest]


def use_threads(context: click.Context, threads: int | None) -> None:
    """Tell torch and what else counts threads, here and in the processes that are started from here."""
    if threads is None:
        return
    context.ensure_object(dict).update(threads=threads)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: rawbench run --methods uniform,poly,residual --dataset sample",
)
@click.option(
    "--plugin",
    "plugins",
    multiple=True,
    is_eager=True,  # before --help, which lists the plugins' commands too
    expose_value=False,
    callback=lambda context, _, plugins: context.ensure_object(dict).update(plugins=plugins),
    metavar="FILE.py|MODULE",
    help="Load a plugin that is not installed, for any command, before or after its name; RAWBENCH_PLUGINS does "
    "the same. Repeatable.",
)
@click.option(
    "--traceback",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, wanted: context.ensure_object(dict).update(traceback=wanted),
    help="Show where an error comes from, for any command, before or after its name.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, threads: use_threads(context, threads),
    metavar="N",
    help="Threads of each process that computes, for any command.  [default: all cores, shared by -j]",
)
@click.version_option(__version__, prog_name="rawbench")
def group() -> None:
    """Measure methods that rebuild a camera's raw image from its sRGB and a few bytes of metadata.

    \b
    Exit codes: 0 fine, 1 regression, 2 usage, 3 not comparable, 4 a method or cell failed,
    5 internal error, 130 stopped by Ctrl-C.
    """


def main() -> None:
    """The entry point ``rawbench``: every expected error is one line on stderr and an exit code."""
    if not sys.warnoptions:  # what libraries tell each other's authors is nothing for a user
        warnings.filterwarnings("ignore", category=FutureWarning, module="torch")
    forgive_closed_outputs()
    whole = "--traceback" in sys.argv
    try:
        code = group.main(standalone_mode=False)
    except RawbenchError as error:
        code = _say(str(error), error.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        code = _say("stopped", INTERRUPTED)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BaseException as error:  # a plugin that calls sys.exit(0) has done nothing that is fine
        code = internal_error(error, whole)
    sys.exit(code if isinstance(code, int) else 0)


def _say(line: str, code: int) -> int:
    click.echo(f"rawbench: {line}", err=True)
    return code
