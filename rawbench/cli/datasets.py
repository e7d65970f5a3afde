"""``rawbench datasets``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import click

from rawbench.cli.catalogue import split_commas
from rawbench.cli.listing import describe_options, listing_group


def _describe(dataset: Any) -> dict[str, Any]:
    return {
        "revision": dataset.revision,
        "description": inspect.getdoc(dataset) or dataset.summary,
        "options": describe_options(dataset.Options),
    }


datasets = listing_group("datasets", _describe, "sample")
datasets.help = "List and show datasets, and make simulated ones."


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
    from rawbench.camera.folder import simulate_folder
    from rawbench.errors import UsageError

    if (camera is None) == (recipe is None):
        raise UsageError("give either --camera or --recipe")
    for path in simulate_folder(scenes, out, camera=camera, recipe=recipe, seed=seed, views=views):
        click.echo(str(path))


@datasets.command(epilog="Example: rawbench datasets frames scenes/ --count 480 --validation-count 40 --out frames/")
@click.argument("scenes", type=click.Path(path_type=Path))
@click.option("--count", type=int, required=True, help="Training frames.")
@click.option("--validation-count", type=int, default=0, show_default=True)
@click.option("--validation-scenes", multiple=True, callback=split_commas, metavar="NAME,...|N",
              help="Scenes set aside for validation, or how many to draw.")  # fmt: skip
@click.option("--leave-out", multiple=True, metavar="NAME=REASON",
              help="A scene to leave out, with the reason that the manifest gives. Repeatable.")  # fmt: skip
@click.option("--exclude", type=click.Path(path_type=Path), metavar="DIR",
              help="Scenes of test images: the same scenes are left out, found by their pixels.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR")
@click.option("--seed", type=int, default=0, show_default=True)
def frames(
    scenes: Path, out: Path, validation_scenes: tuple[str, ...], leave_out: tuple[str, ...], **given: Any
) -> None:
    """Write random simulated frames to train on, split by scene, with a manifest."""
    from rawbench.camera.frames import simulate_training_frames

    if validation_scenes:
        only = validation_scenes[0]
        given["validation_scenes"] = int(only) if only.isdigit() else validation_scenes
    reasons = dict(item.partition("=")[::2] for item in leave_out)
    click.echo(str(simulate_training_frames(scenes, out, leave_out=reasons, **given)))
