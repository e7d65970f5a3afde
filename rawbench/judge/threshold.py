"""A tolerance: what may be worse, and by how much."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from rawbench.errors import UsageError

# References are kept at eight significant digits.
_ROUNDING = 5e-8


_THRESHOLD = re.compile(r"([+-])\s*(\d+(?:\.\d+)?(?:e-?\d+)?)\s*(\S*)")


@dataclass(frozen=True)
class Threshold:
    """How much worse a value may be: ``+0.5 %`` more (bytes), ``-0.02 dB`` less (PSNR), ``+0 byte`` no more.

    Attributes:
        text: as it stands in the reference.
        sign: 1 where more is worse, -1 where less is worse.
        amount: that is allowed.
        relative: the amount is in percent of the value.
    """

    text: str
    sign: int
    amount: float
    relative: bool

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """Read a threshold.

        Raises:
            UsageError: another form.
        """
        found = _THRESHOLD.fullmatch(text.strip())
        if not found:
            raise UsageError(f"{text!r} is no tolerance: a sign for what is worse, a number, a unit (+0.5 %, -0.02 dB)")
        sign, amount, unit = found.groups()
        if math.isinf(float(amount)):
            raise UsageError(f"{text!r} is no tolerance: everything would pass")
        return cls(text.strip(), 1 if sign == "+" else -1, float(amount), unit == "%")

    def limit(self, was: float) -> float:
        """The worst value that passes; of an infinite one, itself."""
        if math.isinf(was):
            return was
        allowed = abs(was) * self.amount / 100 if self.relative else self.amount
        return was + self.sign * allowed

    def fails(self, was: float, now: float) -> str:
        """What to print where the value is worse than allowed: was, is, allowed. Empty where it passes."""
        if self._worse_by(self.limit(was), now) <= 0:
            return ""
        side = "less" if self.sign > 0 else "more"
        limit = f"allowed is {format_number(self.limit(was))} or {side} ({self.text})"
        return f"was {format_number(was)}, is {format_number(now)}, {limit}"

    def excess(self, was: float, now: float) -> float:
        """By how many times what is allowed a value is worse than that; 0 where it passes, or one is not defined."""
        beyond = self._worse_by(self.limit(was), now)
        if not beyond > 0:
            return 0.0
        allowed = abs(self.limit(was) - was) if math.isfinite(was) else 0.0
        return beyond / (allowed or abs(was) / 1000 or 1.0) if math.isfinite(was) else math.inf

    def beats(self, was: float, now: float) -> str:
        """What to print where the value is better by more than what is allowed in the other direction."""
        mirrored = replace(self, sign=-self.sign)
        if self._worse_by(now, mirrored.limit(was)) <= 0:
            return ""
        return f"was {format_number(was)}, is {format_number(now)}"

    def _worse_by(self, better: float, worse: float) -> float:
        """How much worse the second is than the first, beyond the rounding of the reference."""
        if better == worse:
            return 0.0
        slack = _ROUNDING * abs(better) if math.isfinite(better) else 0.0
        return self.sign * (worse - better) - slack


def format_number(value: float) -> str:
    """Enough digits to see a difference of a tolerance: bytes as they are, dB at four places."""
    return f"{value:.8g}" if abs(value) >= 1000 or float(value).is_integer() else f"{value:.6g}"
