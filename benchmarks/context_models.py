"""What the order masks buy: `learned` and `learned-ar` over image sizes, as a Markdown table.

Both code the same kind of latents; one needs S context steps whatever the size of the image, the other one for each
latent pixel. Images are crops from the middle of the `sample` dataset, through the same files as in a run: encoder,
whole stream, fresh decoder.

    python benchmarks/context_models.py > results/context_models.md
"""

from __future__ import annotations

import argparse
from statistics import fmean, median

import torch

from rawbench.plugins import load_plugins
from rawbench.run.coding import decode_stream, encode_stream
from rawbench.types import Sample

METHODS = ("learned", "learned-ar")
CELL = 4


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sides", default="64,128,256,384", help="of the crops, in pixels")
    parser.add_argument("--quality", type=float, default=0.5)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3, help="of each decode; their median is taken")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    catalogue = load_plugins()
    dataset_class = catalogue.datasets.load("sample")
    dataset = dataset_class(dataset_class.Options())
    samples = [dataset.load(name) for name in dataset.ids()[: arguments.images]]
    threads = f"{torch.get_num_threads()} threads"
    print(f"images: {len(samples)}, quality {arguments.quality:g}, {arguments.device}, {threads}\n")
    print("| size | method | context steps | encode s | decode s | bpp | PSNR dB |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for side in map(int, arguments.sides.split(",")):
        crops = [middle(sample, side, arguments.device) for sample in samples]
        for name in METHODS:
            codec_class = catalogue.methods.load(name)
            rows = [measured(codec_class, crop, arguments) for crop in crops]
            means = [fmean(row[k] for row in rows) for k in range(4)]
            latents = -(-side // 16) * 4
            steps = 4 if name == "learned" else latents + 3 * (latents - 1)
            figures = "{:.3f} | {:.3f} | {:.4f} | {:.2f}".format(*means)
            print(f"| {side} x {side} | {name} | {steps:,} | {figures} |", flush=True)


def middle(sample: Sample, side: int, device: str) -> Sample:
    """Return the middle of an image, at most ``side`` pixels wide and high."""
    height, width = sample.srgb.shape[-2:]
    top, left = max(height - side, 0) // 2, max(width - side, 0) // 2
    window = (..., slice(top, top + side), slice(left, left + side))
    return Sample(sample.info, sample.raw[window].contiguous().to(device), sample.srgb[window].contiguous().to(device))


def measured(codec_class: type, sample: Sample, arguments: argparse.Namespace) -> tuple[float, float, float, float]:
    """Return encode and decode seconds, bpp of the whole stream and PSNR."""
    options = codec_class.Options(quality=arguments.quality)
    (point,) = codec_class.rate_points(options)
    encode_stream(codec_class, options, point, sample, arguments.device, 0)  # warm-up
    encoded = encode_stream(codec_class, options, point, sample, arguments.device, 0)
    stream = encoded.stream
    decodes = [decode_stream(codec_class, {}, stream, sample.srgb, arguments.device) for _ in range(arguments.repeats)]
    error = (decodes[0].raw.clamp(0, 1) - sample.raw).double().square().mean()
    pixels = sample.srgb.shape[-2] * sample.srgb.shape[-1]
    psnr = float(-10 * torch.log10(error))
    return encoded.seconds, median(d.seconds for d in decodes), 8 * len(stream) / pixels, psnr


if __name__ == "__main__":
    main()
