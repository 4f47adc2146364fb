"""Numbers as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..comparing.looks import Looks
    from ..progress import Timings
    from ..rendering.metrics import Psnr


def number(value: float | None) -> str:
    """A number to four digits; a dash where it does not exist."""
    return "-" if value is None or value != value or abs(value) == float("inf") else f"{value:.4g}"


def percent(share: float, digits: int = 2) -> str:
    """A share as a percentage, rounded; never to everything of less than all, nor to nothing of some."""
    rounded, least = f"{share:.{digits}%}", f"{10**-digits:.{digits}f}%"
    if share < 1 and rounded.startswith("100"):
        return f"{100 - 10**-digits:.{digits}f}%"
    return f"<{least}" if share > 0 and not rounded.strip("0.%") else rounded


def fraction(share: float, digits: int) -> str:
    """A share from 0 to 1 to so many digits; 1 is all and nothing less."""
    rounded = f"{share:.{digits}g}"
    return f"{1 - 10**-digits:.{digits}f}" if share < 1 and float(rounded) == 1 else rounded


def size(count: int) -> str:
    """Bytes for people: ``12.3 MB``."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if float(f"{value:.3g}") < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"


def duration(timings: Timings, *, verbose: bool) -> str:
    """The seconds that a run took, and those of each stage."""
    stages = ", ".join(f"{stage} {value:.2f}" for stage, value in timings.items())
    return f"{sum(timings.values()):.2f} s" + (f" ({stages})" if verbose else "")


def interval(low: float, high: float) -> str:
    """Two bounds, to six digits or to as many as show their distance to four: a scene may be far away."""
    farthest, extent = max(abs(low), abs(high)), high - low
    digits = 9 if extent == 0 else 6
    if 0 < extent < math.inf:
        digits = min(17, max(6, 4 + math.floor(math.log10(farthest)) - math.floor(math.log10(extent))))
    return f"{low:.{digits}g} .. {high:.{digits}g}"


def decibels(value: float | None, psnr: Psnr) -> str:
    """One of the numbers of a PSNR; ``equal`` where nothing differs."""
    if value is None:
        return "equal" if psnr.pooled is None else "-"
    return f"{value:.2f}"


def looks(found: Looks) -> str:
    """How alike two scenes look, in a few words."""
    psnr, ssim = found.psnr, found.ssim
    if psnr.pooled is None:
        return "equal in every pixel"
    told = f"PSNR {decibels(psnr.mean, psnr)} dB, at worst {decibels(psnr.worst, psnr)}"
    if ssim.mean is not None and ssim.worst is not None:
        told += f"; SSIM {fraction(ssim.mean, 4)}, at worst {fraction(ssim.worst, 4)}"
    return told
