"""The TOML file that says how to call a program; ``docs/external.md`` has every key.

Relative paths are relative to the file. A program that has a slash in its name is such a path too; other arguments
name files by ``{here}``, the file's folder.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import string
import subprocess
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rawbench.errors import UsageError, first_message, suggest
from rawbench.files import read_toml
from rawbench.keys import digest_json
from rawbench.types import Capabilities, RatePoint

EXCHANGE = 1  # changes when the same program would be given other files
FIELDS = ("raw", "srgb", "payload", "height", "width", "rate_point", "index", "device", "threads", "here")
OWN = ("name", "index")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Command(_Model):
    """A program and its arguments, called for every image."""

    command: tuple[str, ...] = Field(min_length=1)


class Point(BaseModel):
    """A rate point: its name, and values that commands ask for by ``{key}``."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str = Field(min_length=1)
    index: int | None = Field(None, ge=0, le=255)


class ExternalConfig(_Model):
    """How to call a program; the form of the TOML file."""

    summary: str = Field("", description="one line on what it is")
    paper: str = Field("", description="where the method comes from, and whose code it is")
    raw: Literal["npy", "tiff", "png"] = Field("npy", description="form of the raw: `raw.npy`, `raw.tiff` or `raw.png`")
    payload_suffix: str = Field(".bin", pattern=r"^\.[A-Za-z0-9.]+$", description="of the payload's file")
    encode: Command | None = Field(None, description="`command` that writes the payload")
    decode: Command | None = Field(None, description="`command` that writes the raw")
    serve: Command | None = Field(None, description="`command` of a program that stays, instead of the two")
    rate_points: tuple[Point, ...] = Field(min_length=1, description="each `name`, perhaps `index`, and its values")
    files: tuple[str, ...] = Field((), description="further files and folders that decide the results")
    versions: tuple[tuple[str, ...], ...] = Field((), description="commands whose output decides the results")
    environment: dict[str, str] = Field(default_factory=dict, description="environment variables")
    timeout_seconds: float = Field(600, gt=0, description="of a call, and of the start of a program that stays")
    uses_metadata: bool = Field(True, description="its payload holds information about the raw")
    needs_training: bool = Field(False, description="its weights come from training data")
    lossless: bool = Field(False, description="its last rate point is exact on the 16-bit grid")
    decode_tolerance: float = Field(1e-5, ge=0, lt=1, description="greatest difference of two decodes of one stream")
    srgb_bits: tuple[Literal[8, 16], ...] = Field((8,), description="depths of the sRGB that it takes")
    devices: tuple[Literal["cpu", "cuda"], ...] = Field(("cpu",), description="where it runs; `{device}` tells it")
    opt_outs: dict[str, str] = Field(default_factory=dict, description="checks that do not apply, each with the reason")

    @model_validator(mode="after")
    def _whole(self) -> ExternalConfig:
        if (self.serve is None) == (self.encode is None or self.decode is None):
            raise ValueError("either [serve], or [encode] and [decode], must have a command")
        keys = [set(point.model_extra or ()) for point in self.rate_points]
        if taken := sorted(set.union(*keys) & set(FIELDS)):
            raise ValueError(f"rate_points: {taken[0]} means something else in commands; name the value otherwise")
        self._check_text()
        known = {*FIELDS, *set.intersection(*keys)}
        for part in ("encode", "decode", "serve"):
            for name in _fields_of(getattr(self, part)):
                if name not in known:
                    raise ValueError(f"{part}: {{{name}}} is not known{suggest(name, known)}")
        names = [point.name for point in self.rate_points]
        if len({*names}) < len(names) or len({point.index for point in self.points()}) < len(names):
            raise ValueError("two rate points have one name or index")
        return self

    def _check_text(self) -> None:
        """Refuse what no operating system takes in a command, and what would break a line of a table."""
        for point in self.rate_points:
            if not point.name.isprintable():
                raise ValueError(f"rate_points: the name {point.name!r} has characters that cannot be printed")
        for part in filter(None, (self.encode, self.decode, self.serve)):
            if any("\0" in text for text in part.command):
                raise ValueError(f"command: {part.command[0]!r} and its arguments cannot hold a zero byte")
        for name, value in self.environment.items():
            if not name or "=" in name or "\0" in name + value:
                raise ValueError(f"environment: {name!r} cannot be set: no '=' in a name, no zero byte in a value")

    def points(self) -> list[RatePoint]:
        """The rate points, numbered by place where they have no index of their own."""
        return [RatePoint(i if p.index is None else p.index, p.name) for i, p in enumerate(self.rate_points)]

    def values(self, index: int) -> dict[str, Any] | None:
        """What commands may ask of a rate point; None where there is none of this index."""
        for point, model in zip(self.points(), self.rate_points, strict=True):
            if point.index == index:
                return {**(model.model_extra or {}), "rate_point": point.name, "index": index}
        return None

    def capabilities(self) -> Capabilities:
        """What the file says of the method."""
        return Capabilities(
            needs_training=self.needs_training,
            uses_metadata=self.uses_metadata,
            srgb_bits=self.srgb_bits,
            devices=self.devices,
            lossless=self.lossless,
            decode_tolerance=self.decode_tolerance,
            opt_outs=self.opt_outs,
        )


def _fields_of(command: Command | None) -> list[str]:
    if command is None:
        return []
    try:
        found = [field for text in command.command for _, field, _, _ in string.Formatter().parse(text)]
    except ValueError as error:
        raise ValueError(f"{' '.join(command.command)}: {error}; braces that are meant are {{{{ and }}}}") from None
    return [re.split(r"[.\[]", field)[0] for field in found if field is not None]


def read_config(path: Path) -> ExternalConfig:
    """Read the file.

    Raises:
        UsageError: names the file and the key.
    """
    values = read_toml(path)
    for key in values:
        if key not in ExternalConfig.model_fields:
            raise UsageError(f"{path}: no key {key!r}{suggest(key, ExternalConfig.model_fields)}")
    try:
        return ExternalConfig.model_validate(values)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise UsageError(f"{path}: {where + ': ' if where else ''}{first_message(error)}") from None


def program(path: Path, name: str) -> str:
    """The program that a command starts with: a path, or found in PATH.

    Raises:
        UsageError: there is none.
    """
    if "/" in name or name.startswith("{here}"):
        found = shutil.which(path.parent.resolve() / name.replace("{here}", str(path.parent.resolve())))
    else:
        found = shutil.which(name)
    if found is None:
        raise UsageError(f"{path}: there is no program {name!r} here: is it installed, and executable?")
    return found


def identity_of(path: Path, config: ExternalConfig) -> dict[str, str]:
    """What determines the streams: the file, all files that it names, and what its programs say of their versions.

    Raises:
        UsageError: a program or a file that is not there.
    """
    here = path.parent.resolve()
    named: dict[str, Path] = {}
    for part in (config.encode, config.decode, config.serve):
        for number, argument in enumerate(part.command if part else ()):
            if number == 0:
                named[argument] = Path(program(path, argument))
            elif "{here}" in argument and (file := _file_in(argument, here)) is not None:
                named[argument] = file
    for name in config.files:
        named[name] = here / name
        if not named[name].exists():
            raise UsageError(f"{path}: files: no such file: {name}")
    found = {"exchange": str(EXCHANGE), "config": digest_json(config.model_dump(mode="json"))}
    try:
        found |= {f"file {name}": digest_of(file) for name, file in sorted(named.items())}
    except OSError as error:
        raise UsageError(f"{path}: a file that it names cannot be read: {error}") from None
    return found | {" ".join(told): _told(path, told, config.environment) for told in config.versions}


def _file_in(argument: str, here: Path) -> Path | None:
    """The file that an argument names: ``{here}/model.pth``, or ``--weights={here}/model.pth``."""
    file = Path(argument[argument.index("{here}") :].replace("{here}", str(here)))
    return file if file.exists() else None


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of names and contents of all files in a folder, compiled Python aside."""
    total = hashlib.sha256()
    files: Iterable[Path] = [path] if path.is_file() else (f for f in path.rglob("*") if f.is_file())
    for file in sorted(files):
        if "__pycache__" not in file.parts:
            name = "" if path.is_file() else file.relative_to(path).as_posix()
            status = file.stat()
            digest = _digest_of_file(file.resolve(), status.st_size, status.st_mtime_ns)
            total.update(f"{name}\0{digest}\n".encode())
    return total.hexdigest()


@lru_cache(maxsize=4096)
def _digest_of_file(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _told(path: Path, command: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """Digest of what a command prints, whatever its exit code."""
    from rawbench.external.process import clean_environment

    here = str(path.parent.resolve())
    arguments = [argument.replace("{here}", here) for argument in command[1:]]
    try:
        done = subprocess.run([program(path, command[0]), *arguments], capture_output=True, timeout=120,
                              env=clean_environment(environment), stdin=subprocess.DEVNULL)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{path}: versions: {' '.join(command)}: {error}") from None
    return hashlib.sha256(done.stdout + b"\0" + done.stderr).hexdigest()
