"""``external``: any program as a method, by a configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

import rawbench


class External(rawbench.ExternalCodec):
    """Encodes and decodes by the programs that a TOML file names; see ``docs/external.md``.

    Payload: the file that the program wrote.
    """

    name = "external"
    summary = "programs that a TOML file names"
    paper = rawbench.Paper(
        citation="Whatever the file names; its keys summary and paper say what.",
        ours="Only how the program is called, and that it is given raw, sRGB and payload as files.",
        licence="The licence is that of the programs; none of them is part of rawbench.",
    )
    resource_options = ("config",)

    class Options(rawbench.Options):
        """Which programs."""

        config: Path | None = Field(None, description="the TOML file; nothing works without one")

    @classmethod
    def config_path(cls, options: Any) -> Path:
        """The option ``config``."""
        if options.config is None:
            raise rawbench.UsageError("method external: which program? external:config=FILE.toml says it")
        return options.config
