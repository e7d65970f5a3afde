"""The contract of a dataset, in executable form.

``rawbench datasets check NAME``, or in a test suite::

    from rawbench.testing import check_dataset

    def test_my_dataset():
        assert not [result for result in check_dataset("mine:root=DIR") if result.status == "fail"]
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rawbench.dataset import Dataset
from rawbench.errors import RawbenchError, SampleError, UsageError
from rawbench.options import build_options, parse_spec
from rawbench.plugins import Catalogue, load_plugins
from rawbench.testing.articles import Article, judge_articles
from rawbench.testing.checks import CheckResult
from rawbench.testing.contract import NotJudged
from rawbench.types import Sample, SampleInfo

SPLITS = ("test", "validation", "train")


@dataclass
class _Opened:
    """A dataset under test: two instances that know nothing of each other, and the images to look at."""

    first: Dataset
    second: Dataset
    split: str
    ids: list[str]
    root: Path | None
    loaded: dict[str, Sample] = field(default_factory=dict)

    def samples(self) -> Iterator[tuple[str, Sample]]:
        """The images to look at, one at a time in memory but for the last."""
        for id in self.ids:
            if id not in self.loaded:
                self.loaded = {id: self.first.load(id)}
            yield id, self.loaded[id]


def check_dataset(
    spec: str, catalogue: Catalogue | None = None, split: str = "test", limit: int | None = 3, root: Path | None = None
) -> list[CheckResult]:
    """Hold a dataset to the contract.

    Args:
        spec: ``NAME:option=value``.
        catalogue: the plugins; None loads the installed ones.
        split: whose images are looked at.
        limit: so many images, spread over the split, are decoded; None for all.
        root: of the manifest, for ``verify``.

    Raises:
        UsageError: unknown dataset or option, or a split without images.
    """
    catalogue = catalogue or load_plugins()
    name, given = parse_spec(spec)
    dataset = catalogue.datasets.load(name)
    options = build_options(dataset.Options, given, f"dataset {name}")
    first, second = dataset(options), dataset(options)
    ids = first.ids(split)
    if not ids:
        raise UsageError(f"dataset {spec}: split {split!r} has no images")
    return judge_articles(ARTICLES, _Opened(first, second, split, spread(ids, limit), root))


def spread(ids: list[str], limit: int | None) -> list[str]:
    """So many ids out of all, the first and the last among them where there is room."""
    if limit is None or limit >= len(ids):
        return list(ids)
    return [ids[round(i * (len(ids) - 1) / max(1, limit - 1))] for i in range(limit)]


def _declaration(opened: _Opened) -> Iterator[str]:
    for name in ("name", "revision", "summary"):
        value = getattr(opened.first, name, None)
        if not isinstance(value, str) or not value.strip():
            yield f"{name} is {value!r}, not a text"


def _ids(opened: _Opened) -> Iterator[str]:
    ids, again = opened.first.ids(opened.split), opened.second.ids(opened.split)
    if not isinstance(ids, list) or not all(isinstance(id, str) and id for id in ids):
        yield "ids does not return a list of texts"
        return
    if len(set(ids)) < len(ids):
        yield f"id {next(id for id in ids if ids.count(id) > 1)!r} stands twice in split {opened.split}"
    if list(again) != ids:
        yield "another instance gives other ids, or another order"


def _splits(opened: _Opened) -> Iterator[str]:
    found: dict[str, set[str]] = {}
    for split in SPLITS:
        try:
            found[split] = set(opened.first.ids(split))
        except RawbenchError:  # a split that it does not have, said in one line
            found[split] = set()
    for one, other in (("test", "train"), ("test", "validation"), ("validation", "train")):
        if common := found[one] & found[other]:
            yield f"image {min(common)!r} is in {one} and in {other}"


def _info(opened: _Opened) -> Iterator[str]:
    for id in opened.ids:
        info = opened.first.info(id)
        if not isinstance(info, SampleInfo):
            yield f"info({id!r}) returned {type(info).__name__}, not a rawbench.SampleInfo"
            continue
        if info.id != id:
            yield f"info({id!r}) calls itself {info.id!r}"
        if info.raw_space not in ("camera", "xyz"):
            yield f"{id}: raw_space is {info.raw_space!r}, not camera or xyz"
        yield from (f"{id}: {name} is empty" for name in ("camera", "rendition", "source_digest")
                    if not getattr(info, name))  # fmt: skip


def _digest(opened: _Opened) -> Iterator[str]:
    digests: dict[str, str] = {}
    for id in opened.ids:
        digest = opened.first.info(id).source_digest
        if opened.second.info(id).source_digest != digest:
            yield f"{id}: another instance gives another source_digest"
        if digest in digests:
            yield f"{id} has the source_digest of {digests[digest]}"
        digests[digest] = id
        if opened.first.load(id).info.source_digest != digest:
            yield f"{id}: load gives another source_digest than info"


def _sample(opened: _Opened) -> Iterator[str]:
    from rawbench.run.pairs import check_sample

    for id, sample in opened.samples():
        try:
            check_sample(sample)
        except SampleError as error:
            yield str(error)
        if sample.raw.device.type != "cpu" or sample.srgb.device.type != "cpu":
            yield f"{id}: its tensors are on {sample.raw.device} and {sample.srgb.device}, not on the CPU"


def _size(opened: _Opened) -> Iterator[str]:
    for id, sample in opened.samples():
        said, found = (sample.info.height, sample.info.width), tuple(sample.raw.shape[1:])
        before = opened.first.info(id)
        if said != found or (before.height, before.width) != found:
            yield f"{id}: info says {before.height} x {before.width}, the raw has {found[0]} x {found[1]}"


def _pixels(opened: _Opened) -> Iterator[str]:
    for id, sample in opened.samples():
        if _pixel_digest(opened.second.load(id)) != _pixel_digest(sample):
            yield f"{id}: another instance gives other pixels"


def _pixel_digest(sample: Sample) -> str:
    total = hashlib.sha256(sample.raw.contiguous().numpy().tobytes())
    total.update(sample.srgb.contiguous().numpy().tobytes())
    return total.hexdigest()


def _unknown(opened: _Opened) -> Iterator[str]:
    for call in ("info", "load"):
        try:
            getattr(opened.first, call)("no such image")
        except RawbenchError:
            continue
        except Exception as error:
            yield f"{call} of an unknown id raised {type(error).__name__}, not rawbench.SampleError"
            continue
        yield f"{call} of an unknown id returned something"


def _verify(opened: _Opened) -> Iterator[str]:
    if type(opened.first).verify is Dataset.verify:
        raise NotJudged("the dataset has no verify: nobody is told of files that are missing or changed")
    from rawbench.datasets.prepared import default_root

    root: Any = opened.root or getattr(opened.first, "root", None) or default_root(opened.first.name)
    for problem in opened.first.verify(Path(root)):
        yield f"{problem.where}: {problem.what}"


ARTICLES = (
    Article("declaration", "name, revision and summary are there", _declaration),
    Article("ids", "ids are unique, and the same in the same order each time", _ids),
    Article("splits", "no image is in two splits", _splits),
    Article("info", "info tells id, camera, rendition, raw space and digest", _info),
    Article("digest", "source_digest is stable, and another for each image", _digest),
    Article("sample", "raw is float32 (3, H, W) in [0, 1], sRGB uint8 or uint16 of the same size, on the CPU", _sample),
    Article("size", "info and pixels agree on the size", _size),
    Article("pixels", "the same id gives the same pixels", _pixels),
    Article("unknown_id", "an id that is not there is one clear line", _unknown),
    Article("verify", "verify finds all well", _verify),
)
