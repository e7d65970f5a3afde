"""A method that is a program of its own: another Python, an old library, a binary, a container."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rawbench.codec import Codec, Context
from rawbench.errors import RawbenchError, StreamError, UsageError
from rawbench.external.config import ExternalConfig, identity_of, program, read_config
from rawbench.types import Capabilities, RatePoint

if TYPE_CHECKING:
    from torch import Tensor

    from rawbench.external.process import Served


class ExternalCodec(Codec):
    """Calls programs to encode and decode, as a TOML file says (``docs/external.md``).

    ``external:config=FILE.toml`` is this class for any file. To give a program a name of its own, subclass it and say
    where the file is::

        class Theirs(rawbench.ExternalCodec):
            name = "theirs"
            config = Path(__file__).with_name("theirs.toml")

    Each call happens in a folder of its own. The encoder's holds raw and sRGB, the decoder's the payload and the sRGB,
    and nothing else; what was in it is gone before the next call. The times of ``encode`` and ``decode`` are those of
    the whole call; the stage ``transfer`` tells how much of it was spent on files.

    Attributes:
        config: the file, for subclasses.
    """

    config: ClassVar[Path | None] = None

    @classmethod
    def config_path(cls, options: Any) -> Path:
        """The file.

        Raises:
            UsageError: the class names none.
        """
        if cls.config is None:
            raise UsageError(f"method {cls.name}: its class says nothing of a configuration (config = Path(...))")
        return cls.config

    @classmethod
    def _read(cls, options: Any) -> ExternalConfig:
        return read_config(cls.config_path(options))

    @classmethod
    def rate_points(cls, options: Any) -> list[RatePoint]:
        """Those of the file."""
        return cls._read(options).points()

    @classmethod
    def identity(cls, options: Any) -> Mapping[str, Any]:
        """Digests of all that the file names."""
        return identity_of(cls.config_path(options), cls._read(options))

    @classmethod
    def capabilities_of(cls, options: Any) -> Capabilities:
        """What the file says."""
        return cls._read(options).capabilities()

    def setup(self, context: Context) -> None:
        """Read the file, make the folder, and start the program where it is one that stays."""
        super().setup(context)
        self._settings = self._read(self.options)
        self._folder = Path(tempfile.mkdtemp(prefix="rawbench-external-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._served: Served | None = None
        if self._settings.serve is not None:
            self._served = self._start()

    def encode(self, raw: Tensor, srgb: Tensor) -> bytes:
        """Call the encoder."""
        from rawbench.external.exchange import write_raw
        from rawbench.external.process import Failed

        with self.context.stage("transfer"):
            self._fill(srgb)
            write_raw(self._folder / self._raw_name, raw)
        try:
            with self.context.stage("analysis"):
                self._do("encode", srgb)
        except Failed as error:
            raise RawbenchError(f"encode {error}") from None
        with self.context.stage("transfer"):
            payload = self._folder / self._payload_name
            if not payload.is_file():
                raise RawbenchError(f"encode wrote no {payload.name}")
            stream = payload.read_bytes()
            self._clear()
        return stream

    def decode(self, payload: bytes, srgb: Tensor) -> Tensor:
        """Call the decoder; that it fails is taken as the payload's fault."""
        from rawbench.external.exchange import read_raw

        with self.context.stage("transfer"):
            self._fill(srgb)
            (self._folder / self._payload_name).write_bytes(payload)
        try:
            with self.context.stage("synthesis"):
                self._do("decode", srgb)
            with self.context.stage("transfer"):
                raw = read_raw(self._folder / self._raw_name, *srgb.shape[1:])
        except RawbenchError as error:
            raise StreamError(f"decode {error}") from None
        finally:
            self._clear()
        return raw.to(srgb.device)

    @property
    def _raw_name(self) -> str:
        return f"raw.{self._settings.raw}"

    @property
    def _payload_name(self) -> str:
        return f"payload{self._settings.payload_suffix}"

    def _fill(self, srgb: Tensor) -> None:
        from rawbench.external.exchange import write_png

        self._clear()
        write_png(self._folder / "srgb.png", srgb.permute(1, 2, 0).cpu().numpy())

    def _clear(self) -> None:
        for path in self._folder.iterdir():
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def _do(self, what: str, srgb: Tensor) -> None:
        from rawbench.external.process import call

        values = self._values(srgb)
        if self._settings.serve is None:
            command = getattr(self._settings, what).command
            call(self._filled(command, values), self._folder, self._environment(), self._settings.timeout_seconds,
                 self.context.record)  # fmt: skip
            return
        if self._served is None or not self._served.alive:
            self._served = self._start()  # the last call ended it
        self._served.ask({"do": what, **values})

    def _start(self) -> Served:
        from rawbench.external.process import Failed, Served

        assert self._settings.serve is not None
        values = {**self._place(), "raw": self._raw_name, "srgb": "srgb.png", "payload": self._payload_name}
        arguments = self._filled(self._settings.serve.command, {**values, "height": "", "width": ""})
        try:
            served = Served(arguments, self._folder, self._environment(), self._settings.timeout_seconds,
                            self.context.record)  # fmt: skip
        except Failed as error:
            raise RawbenchError(f"serve {error}") from None
        weakref.finalize(self, served.stop)
        return served

    def _place(self) -> dict[str, Any]:
        """What commands may ask for before there is an image."""
        import torch

        values = self._settings.values(self.rate_point.index)
        if values is None:
            raise StreamError(f"the stream is of rate point {self.rate_point.index}, which the configuration has not")
        here = str(self.config_path(self.options).parent.resolve())
        device, threads = self.context.device.type, torch.get_num_threads()
        return {**values, "here": here, "device": device, "threads": threads}

    def _values(self, srgb: Tensor) -> dict[str, Any]:
        height, width = srgb.shape[1:]
        names = {"raw": self._raw_name, "srgb": "srgb.png", "payload": self._payload_name}
        return {**self._place(), **names, "height": int(height), "width": int(width)}

    def _filled(self, command: tuple[str, ...], values: Mapping[str, Any]) -> list[str]:
        first = program(self.config_path(self.options), command[0])
        return [first, *(argument.format_map(values) for argument in command[1:])]

    def _environment(self) -> dict[str, str]:
        import torch

        from rawbench.external.process import clean_environment

        return clean_environment(self._settings.environment, torch.get_num_threads())
