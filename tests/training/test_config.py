from __future__ import annotations

from pathlib import Path

import pytest

from rawbench.errors import UsageError
from rawbench.training.config import read_config

from .tiny import TinyTask

GOOD = '[data]\nframes = "frames"\n[fit]\nsteps = 5\n'


def read(folder: Path, text: str):
    path = folder / "config.toml"
    path.write_text(text)
    return read_config(path, TinyTask.Config)


def test_defaults_and_paths_relative_to_the_file(tmp_path):
    config = read(tmp_path, GOOD + 'start_from = "other/checkpoint.pt"\n[task]\nrate = 0.5\n')
    assert config.data.frames == tmp_path / "frames"
    assert config.fit.start_from == tmp_path / "other/checkpoint.pt"
    assert config.task.rate == 0.5
    assert config.data.renditions.jpeg_quality == (10, 95)
    assert config.as_json()["data"]["patch"] == 256


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "[tasks]\n", ["[tasks]", "[task]"]),
        (GOOD + "[task]\nrates = 1\n", ["task.rates", "did you mean rate"]),
        (GOOD + "step = 1\n", ["fit.step", "did you mean steps"]),
        (GOOD + "[data.renditions]\nwebp = 1\n", ["data.renditions.webp"]),
        (GOOD + "[data.renditions]\njpeg_quality = [90, 10]\n", ["data.renditions", "[lowest, highest]"]),
        (GOOD + "[data.renditions]\neight_bit = 1.5\n", ["data.renditions.eight_bit"]),
        (GOOD + "minutes = 5\n", ["fit", "one of steps and minutes"]),
        ('[data]\nframes = "frames"\n', ["one of steps and minutes"]),
        ("[fit]\nsteps = 5\n", ["data.frames", "required"]),
        (GOOD.replace("5", "0"), ["fit.steps"]),
        ("task = 3\n" + GOOD, ["task must be a table"]),
        ("[data\n", ["no valid TOML"]),
    ],
)
def test_a_bad_configuration_is_refused_in_one_clear_line(tmp_path, text, words):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    line = str(caught.value)
    assert "\n" not in line
    for word in ["config.toml", *words]:
        assert word in line


def test_a_missing_configuration(tmp_path):
    with pytest.raises(UsageError, match="cannot read .*none.toml"):
        read_config(tmp_path / "none.toml", TinyTask.Config)


def test_every_field_of_the_loop_is_described():
    from rawbench.training.config import DataConfig, FitConfig, Renditions

    plain = {"seed", "accelerator", "precision", "jpeg_quality", "renditions", "checkpoint_every_minutes"}
    for model in (DataConfig, FitConfig, Renditions):
        assert {name for name, field in model.model_fields.items() if not field.description} <= plain
