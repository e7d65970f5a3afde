"""The dataset ``fivek``: the camera files of the MIT-Adobe FiveK set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rawbench.datasets.prepared import Found, PreparedDataset, camera_files, read_split
from rawbench.errors import SampleError

_NUMBER = re.compile(r"a(\d{4})")


class FiveKDataset(PreparedDataset):
    """MIT-Adobe FiveK (Bychkovsky et al., CVPR 2011), rendered by LibRaw.

    The DNG files, named ``a0001-...dng`` to ``a5000-...dng``, in any folders. ``fivek:camera=D700`` takes one camera of
    them.

    Splits are frozen in ``rawbench/datasets/splits/fivek.csv``, by number: test are the 200 test images of InvISP's
    published lists (73 of the NIKON D700, 127 of the Canon EOS 5D); validation 100 of the others, drawn with a seed;
    training the rest. R2LCM's own validation set, 2 % after a shuffle without a seed, cannot be known.
    """

    name = "fivek"
    revision = "1"
    summary = "MIT-Adobe FiveK, its DNG files (your own copy)"
    where = "data.csail.mit.edu/graphics/fivek"
    licence = "research only, by its LicenseAdobe.txt and LicenseAdobeMIT.txt. rawbench ships none of it"
    published_splits = "InvISP's lists for two cameras; R2LCM: 2 % for validation, drawn without a seed"

    @classmethod
    def index(cls, source: Path) -> Iterator[Found]:
        """The DNG files with a FiveK number."""
        splits = read_split("fivek")
        found = False
        for path in camera_files(source):
            number = _NUMBER.match(path.stem)
            if number and int(number[1]) in splits:
                found = True
                yield Found(path.stem, splits[int(number[1])], path)
        if not found:
            raise SampleError(f"dataset fivek: {source} holds no camera file with a number from a0001 to a5000")
