"""The site is built without a warning, has every command, option, key, column and exit code, and its code runs."""

from __future__ import annotations

import ast
import html
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from rawbench.cli import group
from tests.environments import make_environment

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = {path.stem: path.read_text("utf-8") for path in sorted(DOCS.glob("*.md"))}


def load_hooks():
    spec = importlib.util.spec_from_file_location("rawbench_docs_hooks", DOCS / "hooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOKS = load_hooks()
COMMANDS = {words: command for words, command, _ in HOOKS.commands(group) if "failing" not in words}


def blocks(page: str, language: str, marker: str = "") -> list[str]:
    """Fenced blocks of a page: all of a language, or those that stand under a marker."""
    before = rf"<!-- {re.escape(marker)} -->\n" if marker else ""
    return re.findall(rf"^{before}```{language}\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", folder], cwd=ROOT,
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def text_of(site: Path, page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", (site / page / "index.html").read_text("utf-8")))


@pytest.mark.slow
def test_the_site_has_every_command_and_option(site):
    shown = text_of(site, "commands")
    for words, command in COMMANDS.items():
        assert f"Usage: {words}" in shown, words
        section = shown.split(f"Usage: {words} ")[-1]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert any(name in section for name in parameter.opts), (words, parameter.opts)


@pytest.mark.slow
def test_the_site_has_every_key_column_and_exit_code(site):
    from rawbench.cli.trouble import INTERNAL_ERROR
    from rawbench.errors import RawbenchError
    from rawbench.external.config import ExternalConfig
    from rawbench.results.export import COLUMNS
    from rawbench.run.config import RunConfig

    keys, external, judge = (text_of(site, page) for page in ("columns", "external", "judge"))
    assert all(name in keys for name in [*RunConfig.model_fields, *COLUMNS])
    assert all(field.description for model in (RunConfig, ExternalConfig) for field in model.model_fields.values())
    assert all(name in external for name in ExternalConfig.model_fields)
    codes = {
        RawbenchError.exit_code,
        *(kind.exit_code for kind in RawbenchError.__subclasses__()),
        0,
        1,
        INTERNAL_ERROR,
        130,
    }
    table = judge.split("Exit codes")[-1]
    assert all(re.search(rf"\b{code}\b", table) for code in codes)
    assert "<!-- made" not in keys + external and "class Codec" not in judge
    assert "encode(raw, srgb)" in text_of(site, "api")


def test_every_public_name_is_in_the_reference():
    import rawbench

    shown = PAGES["api"]
    for name in rawbench.__all__:
        module = getattr(getattr(rawbench, name), "__module__", "")
        alias = re.search(rf"^::: rawbench\.[\w.]+\.{name}$", shown, re.MULTILINE)  # knows no module of its own
        known = f"::: {module}\n" in shown or f"::: {module}.{name}\n" in shown or alias
        assert known or name in ("__version__", "hookimpl"), name


def test_a_frame_has_the_columns_that_are_told(tmp_path):
    import rawbench

    run = rawbench.load(ROOT / "results/measured/sample.json")
    told = set(re.findall(r"`(\w+)`", HOOKS.frame_table()))
    assert told <= set(run.columns) and set(run.columns) - told == set(run.rules)


@pytest.mark.parametrize("page", PAGES)
def test_every_printed_command_and_option_exists(page):
    lines = [line for block in blocks(page, "sh") for line in block.splitlines() if line.startswith("rawbench ")]
    for line in lines:
        words = line.split("#")[0].split()
        command = next((c for n, c in COMMANDS.items() if words[: len(n.split())] == n.split()), None)
        assert command is not None, line
        known = {name for parameter in [*command.params, *group.params] for name in parameter.opts}
        for word in words:
            if re.match(r"--?[a-z]", word):
                assert word.split("=")[0] in known, line


def test_the_code_of_the_method_guide_keeps_the_contract(call, tmp_path):
    (source,) = blocks("method", "python", "file: gains.py")
    (tmp_path / "gains.py").write_text(source)
    plugin = str(tmp_path / "gains.py")
    ended = call("run", "--methods", "gains", "--dataset", "sample", "--limit", "1", "--metrics", "psnr", plugin=plugin)
    assert ended.code == 0 and "a gain a channel" in ended.out, ended.err
    checks = "shape,dtype,fresh_process,small_sizes,damaged_payloads"
    assert call("check", "gains", "--only", checks, plugin=plugin).code == 0


def test_the_code_of_the_results_guide_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    found = blocks("results", "python", "run")
    assert len(found) == 2
    for source in found:
        exec(compile(source, "results.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "reason" in printed and "bd_rate_percent" in printed and "Empty" not in printed


def test_the_program_of_the_external_guide_keeps_the_contract(call, tmp_path):
    make_environment(tmp_path / "env")
    for name, language in (("serve.toml", "toml"), ("serve.py", "python"), ("theirs.py", "python")):
        (source,) = blocks("external", language, f"file: {name}")
        (tmp_path / name).write_text(source)
    checks = "shape,dtype,fresh_process,damaged_payloads"
    ended = call("check", "theirs", "--only", checks, plugin=str(tmp_path / "theirs.py"))
    assert ended.code == 0, ended.out + ended.err


@pytest.mark.parametrize("page", PAGES)
def test_all_python_is_python(page):
    for source in blocks(page, "python"):
        ast.parse(source)


def test_the_files_of_the_guides_are_valid(tmp_path):
    from rawbench.external.config import read_config
    from rawbench.run.config import read_config as read_run_config

    for text in blocks("external", "toml"):
        (tmp_path / "x.toml").write_text(text)
        assert read_config(tmp_path / "x.toml").points()
    (text,) = blocks("columns", "toml", "file: bench.toml")
    (tmp_path / "bench.toml").write_text(text)
    settings = read_run_config(tmp_path / "bench.toml", {})
    assert settings.rate_points == ("0",) and settings.methods == ("poly", "residual:bpp=0.5")
