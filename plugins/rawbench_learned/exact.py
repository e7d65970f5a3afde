"""Networks whose outputs are the same bits everywhere: layers that only ever hold exact sums.

Whatever steers the entropy coder must come out equal in encoder and decoder, with any number of threads, any vector
width and any library behind ``conv2d``. Floating-point networks do not promise that, because the order of a sum
changes its rounding. These layers have no rounding inside their sums:

* an activation is a multiple of `STEP` with 8 bits (`to_grid`);
* a weight is an integer of 8 bits times a power of two of its output channel (`quantised_weight`);
* so a product is a multiple of one unit, and as long as the sum of |weight| times the largest activation stays under
  2**24 units (`headroom`, checked when weights are written), float32 holds every partial sum, in any order;
* what follows a sum is elementwise and correctly rounded by IEEE 754 (add, multiply by a power of two, divide, floor,
  clamp).

The same module runs in training: rounding passes gradients straight through.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STEP = 1 / 16
"""Grid of the activations: multiples of 1/16 in [-8, 8)."""
LOWEST, HIGHEST = -8.0, 8.0 - STEP
WEIGHT_LEVELS = 127
MANTISSA = 2**24


class _RoundThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return (x + 0.5).floor_()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


def _leaky(x: Tensor, slope: float) -> Tensor:
    return torch.maximum(x, x * slope) if slope != 1 else x


def _rounded(y: Tensor, step: float, lowest: float, highest: float) -> Tensor:
    return (y * (1 / step)).add_(0.5).floor_().mul_(step).clamp_(lowest, highest)


class _ToGrid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, step: float, lowest: float, highest: float, slope: float) -> Tensor:
        y = _leaky(x, slope)
        grid = _rounded(y, step, lowest, highest)
        if ctx.needs_input_grad[0]:
            slopes = ((y >= lowest) & (y <= highest)).to(x.dtype)
            if slope != 1:
                slopes.mul_(torch.where(x < 0, slope, 1.0))
            ctx.save_for_backward(slopes)
        return grid

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return gradient * slopes, None, None, None, None


def round_through(x: Tensor) -> Tensor:
    """Round half up, with the gradient of the identity."""
    return _RoundThrough.apply(x)


def to_grid(x: Tensor, step: float = STEP, lowest: float = LOWEST, highest: float = HIGHEST) -> Tensor:
    """Round half up to a multiple of ``step`` (a power of two) and clamp: the 8-bit activations by default.

    The gradient is that of the clamp alone.
    """
    return _on_grid(x, step, lowest, highest, 1.0)


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU with slope 1/8 (a power of two, so exact), onto the grid."""
    return _on_grid(x, STEP, LOWEST, HIGHEST, 0.125)


def _on_grid(x: Tensor, step: float, lowest: float, highest: float, slope: float) -> Tensor:
    if torch.is_grad_enabled():
        return _ToGrid.apply(x, step, lowest, highest, slope)
    return _rounded(_leaky(x, slope), step, lowest, highest)


def weight_unit(weight: Tensor) -> Tensor:
    """Return the power of two, per output channel, of which the weights become multiples.

    Args:
        weight: (out, ...).

    Returns:
        (out, 1, ...), no gradient.
    """
    largest = weight.detach().abs().flatten(1).amax(1).clamp_min(2.0**-20) / WEIGHT_LEVELS
    # frexp gives largest = fraction * 2**exponent with 0.5 <= fraction < 1; no transcendental function needed.
    fraction, exponent = torch.frexp(largest)
    exponent = torch.where(fraction == 0.5, exponent - 1, exponent)
    return power_of_two(exponent).view(-1, *[1] * (weight.dim() - 1))


def power_of_two(exponent: Tensor) -> Tensor:
    """Return 2**exponent, float32, from its bits: library functions may be one unit off."""
    return ((exponent.to(torch.int32) + 127) << 23).view(torch.float32)


def quantised_weight(weight: Tensor) -> Tensor:
    """Return the weight as integers of at most `WEIGHT_LEVELS` times `weight_unit`; gradients pass straight through."""
    unit = weight_unit(weight)
    return round_through(weight / unit) * unit


def quantised_bias(bias: Tensor, unit: Tensor) -> Tensor:
    """Return the bias as a multiple of the unit of the sums, with a straight-through gradient."""
    unit = unit.flatten() * STEP
    return round_through(bias / unit) * unit


def headroom(weight: Tensor, bias: Tensor | None = None, largest: float = -LOWEST) -> Tensor:
    """Return, per output channel, the largest possible sum in units over 2**24: must be below 1.

    Args:
        weight: quantised, (out, ...).
        bias: quantised, (out,).
        largest: magnitude of the inputs.
    """
    unit = weight_unit(weight).flatten() * STEP
    total = weight.detach().double().abs().flatten(1).sum(1) * largest
    if bias is not None:
        total = total + bias.detach().double().abs()
    return total / unit / MANTISSA


class ExactConv2d(nn.Module):
    """A convolution with zero padding, stride 1, odd kernel, whose sums are exact.

    Args:
        inputs: channels in; their values must be on the grid.
        outputs: channels out.
        kernel: side of the kernel.
        bias: whether there is one.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.frozen = False
        self._frozen_rows: Tensor | None = None
        nn.init.kaiming_uniform_(self.weight, a=1.0)

    def quantised(self) -> tuple[Tensor, Tensor | None]:
        """Return weight and bias as used."""
        if self.frozen:
            return self.weight, self.bias
        weight = quantised_weight(self.weight)
        bias = None if self.bias is None else quantised_bias(self.bias, weight_unit(weight))
        return weight, bias

    def check(self) -> None:
        """Check that no sum can leave what float32 holds exactly.

        Raises:
            ValueError: a sum could exceed 2**24 units.
        """
        with torch.no_grad():
            weight = quantised_weight(self.weight)
            bias = None if self.bias is None else quantised_bias(self.bias, weight_unit(weight))
            worst = float(headroom(weight, bias).max())
        if worst >= 1:
            raise ValueError(f"sums of {tuple(weight.shape)} reach {worst:.2f} of what float32 holds exactly")

    def forward(self, x: Tensor) -> Tensor:
        """Return exact sums (B, outputs, H, W) of a grid-valued (B, inputs, H, W).

        A kernel of 1 also takes rows: (N, inputs) -> (N, outputs). And a larger one takes rows of its whole window,
        (N, kernel * kernel * inputs), the channels of one position together.
        """
        weight, bias = self.quantised()
        if x.dim() == 2:
            return F.linear(x, self._rows(weight), bias)
        return exact_conv2d(x, weight, bias)

    def _rows(self, weight: Tensor) -> Tensor:
        if not self.frozen:
            return weight.permute(0, 2, 3, 1).flatten(1)
        if self._frozen_rows is None or self._frozen_rows.device != weight.device:
            self._frozen_rows = weight.permute(0, 2, 3, 1).flatten(1).contiguous()
        return self._frozen_rows


def exact_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve, by a path that only adds products: no Winograd, no FFT, whose transforms would round.

    On a CPU PyTorch's convolutions are direct or GEMM (NNPACK's Winograd needs a batch of 16 and no oneDNN; codecs run
    with a batch of 1). On other devices the library may choose, so there it is unfolding and a matrix product.
    """
    padding = weight.shape[-1] // 2
    if x.device.type in ("cpu", "meta"):
        return F.conv2d(x, weight, bias, padding=padding)
    columns = F.unfold(x, weight.shape[-2:], padding=padding)
    sums = (weight.flatten(1) @ columns).view(len(x), len(weight), *x.shape[-2:])
    return sums if bias is None else sums + bias.view(-1, 1, 1)
