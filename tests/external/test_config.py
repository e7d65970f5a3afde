"""The file that says how to call a program: slips are named, and all that decides a stream is in the key."""

from __future__ import annotations

import pytest

from rawbench.errors import UsageError
from rawbench.external.config import digest_of, identity_of, read_config
from tests.external.conftest import POINTS, SIMPLE


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sumary = 'x'\n" + SIMPLE, "no key 'sumary'; did you mean summary?"),
        (POINTS, "either [serve], or [encode] and [decode], must have a command"),
        (SIMPLE.replace(POINTS, ""), "rate_points: Field required"),
        (SIMPLE.replace("{levels}", "{level}"), "encode: {level} is not known; did you mean levels?"),
        (SIMPLE.replace("{levels}", "{levels"), "braces that are meant are {{ and }}"),
        (SIMPLE.replace("levels=16", "levels=4"), "two rate points have one name or index"),
        ("raw = 'exr'\n" + SIMPLE, "raw: Input should be 'npy', 'tiff' or 'png'"),
        ("timeout_seconds = 0\n" + SIMPLE, "timeout_seconds: Input should be greater than 0"),
        ("= 3", "is no valid TOML"),
        (SIMPLE.replace("levels = 16", "levels = 16\nraw = 1"), "rate_points: raw means something else in commands"),
        (SIMPLE.replace("levels=16", "levels\\n16"), r"rate_points: the name 'levels\n16' has characters that cannot"),
        (SIMPLE.replace('"oldcodec"', '"old\\u0000codec"', 1), "cannot hold a zero byte"),
        (SIMPLE + "[environment]\n'A=B' = 'x'\n", "environment: 'A=B' cannot be set"),
        (SIMPLE + '[environment]\nA = "\\u0000"\n', "environment: 'A' cannot be set"),
    ],
)
def test_slips_are_named(config, text, told):
    with pytest.raises(UsageError) as raised:
        read_config(config(text))
    assert told in str(raised.value) and "\n" not in str(raised.value)


def test_a_byte_order_mark_is_no_slip(config, other_environment):
    path = config(SIMPLE)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_config(path).rate_points) == 2


def test_a_program_that_is_not_there(config):
    path = config(SIMPLE.replace("env/bin/python", "no-such-program"))
    with pytest.raises(UsageError, match="there is no program 'no-such-program' here"):
        identity_of(path, read_config(path))
    path = config("files = ['weights.pth']\n" + SIMPLE)
    with pytest.raises(UsageError, match=r"files: no such file: weights\.pth"):
        identity_of(path, read_config(path))


def test_a_file_that_cannot_be_read(config, other_environment, monkeypatch):
    path = config("files = ['weights.pth']\n" + SIMPLE)
    (path.parent / "weights.pth").write_bytes(b"1")

    def refuse(_):
        raise PermissionError(13, "Permission denied", "weights.pth")

    monkeypatch.setattr("rawbench.external.config.digest_of", refuse)
    with pytest.raises(UsageError, match=r"cannot be read: .*Permission denied: 'weights\.pth'"):
        identity_of(path, read_config(path))


def test_every_file_that_is_named_decides(config, other_environment):
    code, weights = other_environment / "code", other_environment / "weights.pth"
    code.mkdir(exist_ok=True)
    (code / "model.py").write_text("1")
    weights.write_text("1")
    text = "files = ['code']\nversions = [['env/bin/python', '{here}/say.py']]\n" + SIMPLE.replace(
        '"{levels}"]', '"{levels}", "--weights={here}/weights.pth"]'
    )
    say = other_environment / "say.py"
    say.write_text("print('1.0')")
    path = config(text)
    found = [identity_of(path, read_config(path))]
    for file, content in ((code / "model.py", "two"), (weights, "two"), (say, "print('1.1')"), (path, text + "\n#")):
        file.write_text(content)
        found.append(identity_of(path, read_config(path)))
    changed = [a != b for a, b in zip(found, found[1:], strict=False)]
    assert changed == [True, True, True, False]  # a comment decides nothing


def test_compiled_python_decides_nothing(tmp_path):
    (tmp_path / "model.py").write_text("1")
    before = digest_of(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "model.pyc").write_text("1")
    assert digest_of(tmp_path) == before
    (tmp_path / "model.py").rename(tmp_path / "other.py")
    assert digest_of(tmp_path) != before


def test_all_methods_are_those_that_need_no_file(call):
    ended = call("run", "--methods", "all", "--dataset", "tiny", "--dry-run")
    assert "external" not in ended.out and "mean" in ended.out
    ended = call("run", "--methods", "external", "--dataset", "tiny")
    assert ended.code == 2 and "config=FILE.toml" in ended.err
