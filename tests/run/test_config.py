"""Settings from a file: as the command line takes them, each slip named."""

from __future__ import annotations

import pytest

from rawbench.errors import UsageError
from rawbench.run.config import make_config, read_config


def test_a_file_takes_what_the_command_line_takes(tmp_path):
    path = tmp_path / "bench.toml"
    text = 'methods = "poly, uniform:step=8"\nrate-points = [0, "step=8,step=16"]\ntimeout = 5\nlimit = 2\n'
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    settings = read_config(path, {"limit": 3})
    assert settings.methods == ("poly", "uniform:step=8")
    assert settings.rate_points == ("0", "step=8", "step=16")
    assert (settings.timeout_seconds, settings.limit) == (5, 3)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"metods": "poly"}, "no setting 'metods'; did you mean methods"),
        ({"methods": "poly", "jobs": 0}, "jobs: Input should be greater than or equal to 1"),
        ({"methods": "poly", "timeout": -1}, "timeout: Input should be greater than 0"),
        ({"methods": {"a": 1}}, "methods: Input should be a valid tuple"),
        ({"methods": ["poly", True]}, "methods.1: Input should be a valid string"),
        ({"methods": "poly", "shard": "1-2"}, "shard: '1-2' is not of the form I/N"),
        ({"methods": "poly", "name": "a/b"}, "name: 'a/b' is not the name of one folder; --out takes a path"),
        ({"methods": "poly", "name": ".."}, "name: '..' is not the name of one folder"),
        ({"methods": "poly", "name": "a\nb"}, r"name: 'a\nb' is not the name of one folder"),
    ],
)
def test_slips_are_named(values, told):
    with pytest.raises(UsageError) as raised:
        make_config(values, "x.toml")
    assert str(raised.value).startswith("x.toml: ") and told in str(raised.value)
