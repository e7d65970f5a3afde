"""``rawbench datasets``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import click

from rawbench.cli.arguments import split_commas
from rawbench.cli.listing import describe_options, listing_group


def _describe(dataset: Any) -> dict[str, Any]:
    described = {"revision": dataset.revision, "description": inspect.getdoc(dataset) or dataset.summary}
    for fact in ("where", "licence", "published_splits"):
        if getattr(dataset, fact, ""):
            described[fact] = getattr(dataset, fact)
    return described | {"options": describe_options(dataset.Options)}


datasets = listing_group("datasets", _describe, "sample")
datasets.help = "List, show, check, prepare and verify datasets, and make simulated ones."


@datasets.command(
    epilog="""\b
Examples:
  rawbench datasets simulate scenes/ --camera sony-slt-a57 --out dng/
  rawbench datasets simulate scenes/ --recipe recipe.toml --out dng/
"""
)
@click.argument("scenes", type=click.Path(path_type=Path))
@click.option("--camera", metavar="NAME", help="One of the simulated cameras.")
@click.option("--recipe", type=click.Path(path_type=Path), metavar="FILE.toml", help="Views, cameras and settings.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR")
@click.option("--views", type=int, default=1, show_default=True, help="Pictures of each panorama, without a recipe.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of views, settings and noise.")
def simulate(scenes: Path, camera: str | None, recipe: Path | None, out: Path, views: int, seed: int) -> None:
    """Photograph scene-linear HDR files (.hdr, .exr) with a simulated camera, as DNG files."""
    from rawbench.errors import UsageError
    from rawbench.simulate.recipe import simulate_folder

    if (camera is None) == (recipe is None):
        raise UsageError("give either --camera or --recipe")
    for path in simulate_folder(scenes, out, camera=camera, recipe=recipe, seed=seed, views=views):
        click.echo(str(path))


@datasets.command(
    epilog="""\b
Examples:
  rawbench datasets frames scenes/ --count 480 --validation-count 40 --out frames/
  rawbench datasets frames scenes/ --count 480 --validation-count 40 --validation-scenes 3 --out frames/
"""
)
@click.argument("scenes", type=click.Path(path_type=Path))
@click.option("--count", type=click.IntRange(min=1), required=True, help="Training frames.")
@click.option("--validation-count", type=click.IntRange(min=0), default=0, show_default=True, help="Validation frames.")
@click.option("--validation-scenes", multiple=True, callback=split_commas, metavar="NAME,...|N",
              help="Scenes set aside for validation, or how many to draw.  [default: those of the shipped weights, "
              "else one in eight]")  # fmt: skip
@click.option("--leave-out", multiple=True, metavar="NAME=REASON",
              help="A scene to leave out, with the reason that the manifest gives. Repeatable.")  # fmt: skip
@click.option("--exclude", type=click.Path(path_type=Path), metavar="DIR",
              help="Scenes of test images: the same scenes are left out, found by their pixels.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
def frames(
    scenes: Path, out: Path, validation_scenes: tuple[str, ...], leave_out: tuple[str, ...], jobs: int, **given: Any
) -> None:
    """Write random simulated frames to train on, split by scene, with a manifest."""
    import csv
    from collections import Counter

    from rawbench.executors.process import Process
    from rawbench.simulate.frames import simulate_training_frames

    if validation_scenes:
        only = validation_scenes[0]
        given["validation_scenes"] = int(only) if only.isdigit() else validation_scenes
    reasons = dict(item.partition("=")[::2] for item in leave_out)
    given["executor"] = Process(jobs) if jobs > 1 else None
    manifest = simulate_training_frames(scenes, out, leave_out=reasons, **given)
    with manifest.open(newline="", encoding="utf-8") as file:
        counts = Counter(row["split"] for row in csv.DictReader(file))
    click.echo(f"{manifest}: {counts['train']} train, {counts['validation']} validation, {counts['excluded']} left out")


@datasets.command(
    epilog="""\b
Examples:
  rawbench datasets prepare nus --from /data/NUS
  rawbench datasets prepare fivek --from /data/fivek_dataset --root manifests/fivek
  rawbench datasets prepare folder --from /photos
"""
)
@click.argument("name", metavar="NAME")
@click.option("--from", "source", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Your own copy.")
@click.option("--root", type=click.Path(path_type=Path), metavar="DIR",
              help="Of the manifest.  [default: $RAWBENCH_DATA/NAME, else ~/.local/share/rawbench/NAME]")  # fmt: skip
def prepare(name: str, source: Path, root: Path | None) -> None:
    """Check and index your own copy of a dataset, once; its files stay where they are."""
    from collections import Counter

    from rawbench.datasets.manifest import NAME, read_manifest

    dataset = _opened(name, root, source)
    where = _manifest_root(dataset, root)
    dataset.prepare(source, where)
    listed = read_manifest(where, dataset.name)
    for left in listed.left_out:
        click.echo(f"{left.path}: not used: {left.reason}", err=True)
    counts = Counter((entry.camera, entry.split) for entry in listed.entries)
    for (camera, split), count in sorted(counts.items()):
        click.echo(f"{camera}, {split}: {count}")
    click.echo(f"{where / NAME}: {len(listed.entries)} images")


@datasets.command(
    epilog="""\b
Examples:
  rawbench datasets extract nus --out frames/
  rawbench datasets extract nus:camera=sony --out frames/
"""
)
@click.argument("name", metavar="NAME[:OPTION=VALUE]...")
@click.option("--root", type=click.Path(path_type=Path), metavar="DIR", help="Where the manifest is, as for prepare.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="New, or empty.")
def extract(name: str, root: Path | None, out: Path) -> None:
    """Write a prepared dataset's training and validation images as frames for 'rawbench train', no test image ever."""
    from rawbench.cli.progress import make_steps
    from rawbench.datasets.extract import write_training_frames
    from rawbench.datasets.prepared import PreparedDataset
    from rawbench.errors import UsageError

    dataset = _opened(name, root)
    if not isinstance(dataset, PreparedDataset):
        raise UsageError(f"dataset {dataset.name}: has no training split; nus, fivek and rawir do")
    with make_steps() as steps:
        steps.step(f"extracting {dataset.name}")
        counts = write_training_frames(dataset, out, steps.advance)
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    click.echo(f"{out / 'manifest.csv'}: {told}")


@datasets.command(
    epilog="""\b
Examples:
  rawbench datasets verify nus
  rawbench datasets verify folder:root=/photos
"""
)
@click.argument("name", metavar="NAME[:OPTION=VALUE]...")
@click.option("--root", type=click.Path(path_type=Path), metavar="DIR", help="Where the manifest is, as for prepare.")
@click.pass_context
def verify(context: click.Context, name: str, root: Path | None) -> None:
    """Find files that are missing, changed, unreadable, mis-sized, turned or misaligned: a line each, exit code 4."""
    dataset = _opened(name, root)
    problems = dataset.verify(_manifest_root(dataset, root))
    for problem in problems:
        click.echo(f"{problem.where}: {problem.what}")
    if problems:
        context.exit(4)
    click.echo(f"dataset {dataset.name}: all is well")


@datasets.command(
    epilog="""\b
Examples:
  rawbench datasets check sample
  rawbench datasets check mine:root=DIR --plugin my_dataset.py --limit 10
"""
)
@click.argument("name", metavar="NAME[:OPTION=VALUE]...")
@click.option("--split", default="test", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), default=3, show_default=True, help="Images to decode.")
@click.option("--all", "every", is_flag=True, help="Decode every image of the split.")
@click.option("--root", type=click.Path(path_type=Path), metavar="DIR", help="Where the manifest is, as for prepare.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def check(name: str, split: str, limit: int, every: bool, root: Path | None, as_json: bool) -> None:
    """Hold a dataset to the contract: a line for each check, and exit code 4 when one fails."""
    from rawbench.cli.catalogue import catalogue_of
    from rawbench.cli.check import tell_results
    from rawbench.testing.dataset_contract import check_dataset

    found = check_dataset(name, catalogue_of(), split, None if every else limit, root)
    tell_results(name, found, as_json)


def _manifest_root(dataset: Any, root: Path | None) -> Path:
    from rawbench.datasets.prepared import default_root

    return root or getattr(dataset, "root", None) or default_root(dataset.name)


def _opened(text: str, root: Path | None, source: Path | None = None) -> Any:
    """The dataset of a spec, with the option ``root``: its manifest's, or where it must have one, its images'."""
    from rawbench.cli.catalogue import catalogue_of
    from rawbench.options import build_options, parse_spec

    name, given = parse_spec(text)
    dataset = catalogue_of().datasets.load(name)
    option = dataset.Options.model_fields.get("root")
    value = source if option is not None and option.is_required() else root
    if option is not None and value is not None:
        given = {"root": str(value), **given}
    return dataset(build_options(dataset.Options, given, f"dataset {name}"))
