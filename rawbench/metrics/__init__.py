"""Built-in metrics, registered like anybody's; importing them, or their modules, imports no torch.

Common to all: float32 images are compared in float64 on the device where they lie, strip by strip; only the
final figure leaves it. An exact image has an infinite PSNR. NaN says that a figure is not defined for an
image.
"""

from __future__ import annotations

from rawbench.hookspecs import Register, hookimpl

BUILT_IN = {
    "psnr": ("pixelwise:Psnr", "PSNR of linear raw, peak 1, output clipped; mean of per-image values"),
    "psnr16": ("pixelwise:Psnr16", "PSNR of linear raw, both rounded to 16 bits"),
    "psnr_pooled": ("pixelwise:PsnrPooled", "PSNR of the mean over images of the squared error"),
    "psnr_clipped": ("pixelwise:PsnrClipped", "PSNR of linear raw where a channel of the sRGB is at full scale"),
    "mae": ("pixelwise:MeanAbsoluteError", "mean absolute error of linear raw"),
    "relative_error": ("pixelwise:RelativeError", "mean of |a - b| / max((a + b) / 2, 0.001)"),
    "ssim": ("structure:Ssim", "SSIM, Gaussian 11x11 window of sigma 1.5, data range 1"),
    "ssim_uniform7": ("structure:SsimUniform7", "SSIM as scikit-image's default: uniform 7x7 window"),
    "ms_ssim": ("structure:MsSsim", "MS-SSIM, five scales; not defined where a side is below 176 pixels"),
    "psnr_rendered": ("rendered:PsnrRendered", "PSNR of both raws rendered to sRGB by a plain ISP"),
    "psnr_ev+2": ("rendered:PsnrBrighter", "PSNR of both raws rendered two stops brighter"),
    "psnr_ev-2": ("rendered:PsnrDarker", "PSNR of both raws rendered two stops darker"),
    "psnr_wb": ("rendered:PsnrWarmer", "PSNR of both raws rendered with a warmer white balance"),
    "ciede2000": ("rendered:Ciede2000", "mean CIEDE2000 of both raws rendered to sRGB by a plain ISP"),
}


@hookimpl
def register_metrics(register: Register) -> None:
    """Offer the built-in metrics."""
    for name, (address, summary) in BUILT_IN.items():
        register(name, f"rawbench.metrics.{address}", summary=summary)
