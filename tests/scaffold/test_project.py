"""A new project is installed in an environment of its own, passes its own tests, and its numbers are held."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from rawbench.scaffold.project import KINDS, class_of, new_project, package_of
from tests.environments import call_in, make_environment


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """The python of an environment into which projects are installed."""
    return make_environment(tmp_path_factory.mktemp("environment"))


def install(python: Path, project: Path) -> None:
    call_in(project, python, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index", ".")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dataset", "metric"])
def test_a_project_passes_its_own_tests(environment, tmp_path, kind):
    new_project(kind, f"own-{kind}", tmp_path / "project")
    install(environment, tmp_path / "project")
    told = call_in(tmp_path / "project", environment, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert "2 passed" in told


@pytest.mark.slow
def test_a_method_passes_its_own_tests_and_its_numbers_are_held(environment, tmp_path):
    project = tmp_path / "project"
    new_project("method", "own-method", project)
    install(environment, project)
    assert " passed" in call_in(project, environment, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    rawbench = (environment, "-m", "rawbench")
    call_in(project, *rawbench, "reference", "create", "reference.json", "--methods", "own-method",
            "--images", "olympus-e-pl6_city_2")  # fmt: skip
    workflow = yaml.safe_load((project / ".github/workflows/numbers.yml").read_text())
    command = next(step["run"] for step in workflow["jobs"]["numbers"]["steps"] if "regress " in step.get("run", ""))
    told = call_in(project, *rawbench, *command.split()[1:])
    assert "2 cells" in told and (project / "regress.xml").is_file()


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_the_projects_own(tmp_path, kind):
    files = new_project(kind, "hue-shift2", tmp_path / "project")
    found = {path.relative_to(tmp_path / "project").as_posix() for path in files}
    assert {"pyproject.toml", "README.md", ".gitignore", "hue_shift2/__init__.py"} <= found
    texts = [path.read_text() for path in files if path.suffix in (".py", ".toml", ".md", ".yml")]
    assert not any(f"my-{kind}" in text or f"my_{kind}" in text or f"My{kind.title()}" in text for text in texts)
    project = tomllib.loads((tmp_path / "project/pyproject.toml").read_text())
    assert project["project"]["entry-points"]["rawbench"] == {"hue-shift2": "hue_shift2"}
    assert f"class HueShift2(rawbench.{'Codec' if kind == 'method' else kind.title()})" in "".join(texts)


def test_the_codec_is_some_thirty_lines(tmp_path):
    new_project("method", "mine", tmp_path / "project")
    text = (tmp_path / "project/mine/codec.py").read_text()
    body = text[text.index("class Mine") :]
    assert len([line for line in body.splitlines() if line.strip()]) <= 36


@pytest.mark.parametrize("name", ["Mine", "my_method", "2nd", "a--b", "-a", "a-", "a b", "class", "json", "torch", ""])
def test_a_name_that_is_none_is_refused(call, name):
    ended = call("new", "method", "--", name)
    assert ended.code == 2 and len(ended.err.splitlines()) == 1, ended.err


def test_a_name_that_no_file_can_have_is_refused(call):
    ended = call("new", "method", "a" * 300)
    assert ended.code == 2 and "the name has 300 characters; 64 are the most" in ended.err


def test_a_name_that_is_taken_is_refused(call):
    ended = call("new", "metric", "psnr")
    assert ended.code == 2 and "of plugin 'rawbench-metrics'" in ended.err


def test_a_folder_with_something_in_it_is_left_alone(call, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    ended = call("new", "method", "mine")
    assert ended.code == 2 and "not empty" in ended.err
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_the_command_tells_what_comes_next(call, tmp_path):
    ended = call("new", "method", "mine")
    assert ended.code == 0
    assert "mine/mine/codec.py" in ended.out and "pip install -e 'mine[test]'" in ended.out
    assert (tmp_path / "mine/mine/weights.safetensors").is_file()


def test_names_of_packages_and_classes():
    assert (package_of("hue-shift"), class_of("hue-shift")) == ("hue_shift", "HueShift")
