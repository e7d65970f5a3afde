"""The pictures of a report: chosen images as they were, as each method rebuilt them, and where each one erred.

Nothing is encoded again: the run's own streams are decoded, by fresh decoders. Everything is rendered by the plain ISP
of ``rawbench.metrics.rendered``, and all errors of an image share one scale.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rawbench.codec import Context
from rawbench.errors import RawbenchError
from rawbench.metrics.color import srgb_encode
from rawbench.metrics.rendered import matrix_to_srgb, render_linear
from rawbench.plugins import Catalogue
from rawbench.report.chosen import shown_cells
from rawbench.report.colours import ERROR_COLOURS, MAP_COLOURS, colour
from rawbench.results.means import Row
from rawbench.results.run import Run
from rawbench.run.coding import decode_stream
from rawbench.run.own_rendition import sample_of_stream
from rawbench.run.plan import DatasetSpec, open_dataset
from rawbench.run.precision import full_precision
from rawbench.srgb import code_step
from rawbench.types import RatePoint, Sample

QUALITY = 82
DECADES = 3  # of errors that the maps show: linear ones are black but for the worst method


@dataclass(frozen=True)
class Picture:
    """One picture of the page, with its text alternative and caption."""

    title: str
    caption: str
    address: str
    height: int
    width: int


@dataclass(frozen=True)
class MethodPictures:
    """What one method made of an image."""

    method: str
    caption: str
    reconstruction: Picture
    error: Picture
    maps: tuple[Picture, ...]


@dataclass(frozen=True)
class ImagePictures:
    """One image and what all methods made of it.

    Attributes:
        title: id and camera.
        scale: the error that is drawn brightest, the same for every method.
        originals: the sRGB and the rendered raw.
        methods: in the order of the run.
        left_out: methods without pictures, with the cause.
    """

    title: str
    scale: float
    originals: tuple[Picture, ...]
    methods: tuple[MethodPictures, ...]
    left_out: tuple[str, ...]

    @property
    def pictures(self) -> list[Picture]:
        """All of them."""
        ours = [one for m in self.methods for one in (m.reconstruction, m.error, *m.maps)]
        return [*self.originals, *ours]


@dataclass(frozen=True)
class Decoded:
    """One method's result for one image.

    Attributes:
        method: its label.
        caption: rate point and size.
        raw: float32 (3, H, W) in [0, 1].
        maps: what the codec offers as diagnostics, by name.
    """

    method: str
    caption: str
    raw: torch.Tensor
    maps: Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class DecodedImage:
    """One image and the results of all methods, to be drawn in any size.

    Attributes:
        sample: the image.
        methods: in the order of the run.
        left_out: methods that could not be decoded, with the cause.
    """

    sample: Sample
    methods: tuple[Decoded, ...]
    left_out: tuple[str, ...]


def decode_images(
    run: Path,
    results: Run,
    catalogue: Catalogue,
    images: Sequence[tuple[str, str]],
    typical: Mapping[tuple[str, str], str],
) -> list[DecodedImage]:
    """Decode the images, for every method that has a stream of them.

    Args:
        run: the run folder with its streams.
        results: the run.
        catalogue: the plugins.
        images: (dataset, image).
        typical: rate point by (dataset, method).

    Raises:
        RawbenchError: an image cannot be loaded any more, or is another than that of the run.
    """
    found = []
    for dataset, image in images:
        cells = shown_cells(results, (dataset, image), typical)
        sample = _load(results, catalogue, dataset, image)
        found.append(_decode_image(run, results, catalogue, sample, cells))
    return found


def _load(results: Run, catalogue: Catalogue, dataset: str, image: str) -> Sample:
    described = results.datasets[dataset]
    try:
        spec = DatasetSpec(dataset, described.name, described.revision, described.options)
        sample = open_dataset(spec, catalogue).load(image)
    except RawbenchError as error:
        raise RawbenchError(f"no pictures of {dataset}/{image}: {error}") from None
    except Exception as error:
        raise RawbenchError(f"no pictures of {dataset}/{image}: {type(error).__name__}: {error}") from error
    if sample.info.source_digest != results.images[dataset, image].source_digest:
        raise RawbenchError(f"no pictures of {dataset}/{image}: it is not the image of the run any more")
    return sample


def _decode_image(run: Path, results: Run, catalogue: Catalogue, sample: Sample, cells: Sequence[Row]) -> DecodedImage:
    methods, left_out = [], []
    for cell in cells:
        method = cell.method
        try:
            raw = _decode(run, results, catalogue, sample, cell)
        except Exception as error:
            left_out.append(f"{method}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
            continue
        caption = f"{cell.rate_point}, {cell.value('bytes'):,.0f} bytes, {cell.value('bpp'):.4g} bpp"
        methods.append(Decoded(method, caption, raw, _diagnostics(results, catalogue, sample, cell)))
    return DecodedImage(sample, tuple(methods), tuple(left_out))


def draw_image(image: DecodedImage, width: int) -> ImagePictures:
    """Pictures of an image and of what all methods made of it.

    Args:
        image: decoded.
        width: of a picture, in pixels; smaller images keep theirs.
    """
    sample = image.sample
    render = renderer(sample)
    errors = errors_of(image)
    scale = common_scale(list(errors.values()))
    methods = []
    for found in image.methods:
        name = found.method
        rebuilt = picture(f"{name}: raw rebuilt", "", render(found.raw), width)
        erred = picture(f"{name}: error map", "", error_colours(errors[name], scale, width), width)
        maps = tuple(_map_picture(name, title, values, width) for title, values in found.maps.items())
        methods.append(MethodPictures(name, found.caption, rebuilt, erred, maps))
    originals = (
        picture("sRGB", "what the decoder sees", srgb_pixels(sample), width),
        picture("raw", "rendered by the plain ISP", render(sample.raw), width),
    )
    title = f"{sample.info.id}, {sample.info.camera}" + (" (simulated)" if sample.info.simulated else "")
    return ImagePictures(title, scale, originals, tuple(methods), image.left_out)


def _decode(run: Path, results: Run, catalogue: Catalogue, sample: Sample, cell: Row) -> torch.Tensor:
    described = results.methods[cell.method]
    codec = catalogue.methods.load(described.name)
    resources = {key: described.options[key] for key in codec.resource_options}
    stream = run / "streams" / f"{cell.facts['cell']}.rbs"
    srgb = sample_of_stream(sample, stream).srgb
    raw = decode_stream(codec, resources, stream.read_bytes(), srgb, "cpu").raw
    return raw.clamp(0, 1)


def _diagnostics(results: Run, catalogue: Catalogue, sample: Sample, cell: Row) -> Mapping[str, torch.Tensor]:
    """The maps that the codec offers; one that cannot make them has none."""
    described = results.methods[cell.method]
    try:
        codec_class = catalogue.methods.load(described.name)
        options = codec_class.Options.model_validate(described.options)
        codec = codec_class(options, RatePoint(cell.facts["rate_point_index"], cell.rate_point))
        with full_precision():
            codec.setup(Context("cpu", cell.facts["seed"]))
            with torch.inference_mode():
                return dict(codec.diagnostics(sample.raw, sample.srgb))
    except Exception:
        return {}


def _map_picture(method: str, name: str, values: torch.Tensor, width: int) -> Picture:
    values = values.detach().float().cpu().squeeze()
    low, high = min(0.0, values.min().item()), values.max().item()
    scaled = (values - low) / max(high - low, 1e-12)
    caption = f"{low:.3g} (dark) to {high:.3g} (bright)"
    title = f"{method}: {name.replace('_', ' ')}"
    return picture(title, caption, colour(scaled.numpy(), MAP_COLOURS), width, smooth=False)


def common_scale(errors: Sequence[torch.Tensor]) -> float:
    """The error that all maps draw brightest: the 99.9th percentile over all methods, at one or two digits."""
    if not errors:
        return 1.0
    pooled = torch.cat([error.flatten()[:: max(1, error.numel() // 200_000)] for error in errors]).double()
    top = torch.quantile(pooled, 0.999).item()
    if top <= 0:
        return 1.0
    unit = 10 ** math.floor(math.log10(top))
    return next(step * unit for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * unit >= top)


def renderer(sample: Sample) -> Callable[[torch.Tensor], np.ndarray]:
    """raw (3, H, W) -> uint8 (H, W, 3), through the camera's matrix; camera colours where that is not known."""
    matrix = matrix_to_srgb(sample.info)
    on_device = torch.eye(3) if matrix is None else torch.tensor(matrix, dtype=torch.float32)

    def render(raw: torch.Tensor) -> np.ndarray:
        return _pixels((srgb_encode(render_linear(raw, on_device)) * 255).round().to(torch.uint8))

    return render


def errors_of(image: DecodedImage) -> dict[str, torch.Tensor]:
    """The errors of each method: the greatest of the three channels, (H, W)."""
    return {found.method: (found.raw - image.sample.raw).abs().amax(dim=0) for found in image.methods}


def srgb_pixels(sample: Sample) -> np.ndarray:
    """The sRGB as uint8 (H, W, 3)."""
    return _pixels((sample.srgb.int() // code_step(sample.srgb)).to(torch.uint8))


def _pixels(image: torch.Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).cpu().numpy()


def error_colours(errors: torch.Tensor, scale: float, width: int) -> np.ndarray:
    """Errors (H, W) as uint8 (H, W, 3), by their logarithm: black at ``scale`` / 1000 and below, palest at ``scale``.

    Shrunk before they are coloured, as colours have no mean.
    """
    plain = errors.float().numpy()
    if plain.shape[1] > width:
        from PIL import Image

        size = (width, max(1, round(plain.shape[0] * width / plain.shape[1])))
        plain = np.asarray(Image.fromarray(plain).resize(size, Image.Resampling.BOX))
    return colour(1 + np.log10(np.maximum(plain / scale, 1e-30)) / DECADES, ERROR_COLOURS)


def picture(title: str, caption: str, pixels: np.ndarray, width: int, smooth: bool = True) -> Picture:
    """Pixels as a picture of the page: WebP, at most ``width`` wide; small maps are drawn bigger, unsmoothed."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    if image.width > width:
        image = image.resize((width, max(1, round(image.height * width / image.width))), Image.Resampling.BOX)
    elif not smooth and image.width < width:
        factor = max(1, width // image.width)
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    return Picture(title, caption, webp_address(np.asarray(image)), image.height, image.width)


def webp_address(pixels: np.ndarray) -> str:
    """Pixels, uint8 (H, W, 3), as an address that holds them."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
