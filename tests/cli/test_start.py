"""Start-up: light, whatever is plugged in; every command documents itself with an example."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from rawbench.cli import COMMANDS, group

LIGHT = [
    ["--help"],
    ["--version"],
    ["methods", "list"],
    ["datasets", "list"],
    ["metrics", "list"],
    ["executors", "list"],
    ["plugins"],
    ["run", "--help"],
    ["table", "--help"],
]


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_light_commands_import_no_torch(arguments):
    script = (
        "import sys\nfrom rawbench.cli import main\n"
        f"sys.argv = ['rawbench', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as ended:\n    assert not ended.code, ended.code\n"
        "heavy = {'torch', 'numpy', 'pandas', 'rawpy', 'compressai'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["methods", "list"]])
def test_a_plugin_that_fails_at_import_is_a_warning(call, tmp_path, arguments):
    bad = tmp_path / "bad.py"
    bad.write_text("raise RuntimeError('out of order')")
    ended = call(*arguments, plugin=str(bad))
    assert ended.code == 0
    assert f"warning: plugin '{bad}' is left out: RuntimeError: out of order" in ended.err
    assert ended.out


def commands(parent: click.Group, context: click.Context, prefix: tuple[str, ...] = ()):
    for name in parent.list_commands(context):
        command = parent.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, context, (*prefix, name))
        yield (*prefix, name), command


def test_every_command_helps_with_an_example(call):
    context = click.Context(group, obj={"plugins": ()})
    found = list(commands(group, context))
    assert {path[0] for path, _ in found} >= set(COMMANDS)
    for path, command in found:
        ended = call(*path, "--help")
        assert ended.code == 0, path
        assert f"rawbench {path[0]}" in ended.out.split("Example")[-1] or "rawbench --plugin" in ended.out, path
        examples = ended.out.partition("\n  Example")[2].splitlines()[1:]
        assert all(line.strip().startswith("rawbench ") for line in examples if line.strip()), path  # none is wrapped
        for parameter in command.params:
            if isinstance(parameter, click.Option) and "--help" not in parameter.opts:
                assert parameter.opts[0] in ended.out


def test_an_unknown_command_lists_near_ones(call):
    ended = call("rnu")
    assert ended.code == 2 and "no command 'rnu'; did you mean run?" in ended.err


def test_a_plugins_own_command(call, tmp_path):
    plugin = tmp_path / "extra.py"
    plugin.write_text(
        "import click, rawbench\n"
        "@click.command()\ndef hello():\n    click.echo('hello from a plugin')\n"
        "@rawbench.hookimpl\ndef register_commands(register):\n    register('hello', hello, summary='Say hello.')\n"
    )
    assert "Say hello." in call("--help", plugin=str(plugin)).out
    assert call("hello", plugin=str(plugin)).out == "hello from a plugin\n"


def test_a_plugin_may_be_named_after_the_command(call, tiny_plugin):
    for arguments in (["methods", "list", "--plugin", tiny_plugin], ["methods", f"--plugin={tiny_plugin}", "list"]):
        ended = call(*arguments, plugin=None)
        assert ended.code == 0 and "mean" in ended.out.split(), ended.err
    ended = call("methods", "list", "--plugin", plugin=None)
    assert ended.code == 2 and "--plugin" in ended.err


def test_threads_are_for_any_command():
    import json
    import subprocess
    import sys

    for arguments in (["--threads", "1", "env", "--json"], ["env", "--json", "--threads=1"]):
        command = [sys.executable, "-m", "rawbench", *arguments]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert json.loads(shown)["threads"] == 1


def test_a_busy_machine_is_told_where_times_are_taken(call, monkeypatch):
    monkeypatch.setattr("os.getloadavg", lambda: (99.0, 1.0, 1.0))
    run = ("run", "--methods", "mean", "--dataset", "tiny", "--limit", "1", "--metrics", "psnr")
    assert "this machine is busy (load 99.0" in call(*run, "--timing").err
    assert "busy" not in call(*run).err
