"""How alike the pictures of two models are, view by view and over all of them.

Pictures are never kept: a view leaves a handful of sums. PSNR and SSIM agree only loosely with what people
see in splats: 3DGS-VBench and MUGSQA report rank correlations of .31 to .52.

One module: what a number is called, what it means and how it is computed stand together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..arguments import span
from ..errors import InputError, UsageError
from ..kernels import images
from ..rasterizers import Picture
from ..results.shown import shown

__all__ = ["Alike", "Likeness", "Psnr", "Ssim", "ViewAlike"]

Image = npt.NDArray[np.floating]
LARGEST = float(np.finfo(np.float32).max)
DRAWN = 3, True  # the kind of pictures that rasterizers draw: their dimensions, and that they have alphas


@dataclass(frozen=True)
class Psnr:
    """Peak signal-to-noise ratio in dB, 10 log10(range² / MSE). None where there is no error: never infinite.

    Attributes:
        mean: of the views that differ, each counting alike; None where all are identical. An identical view
            has no number to average, and leaving it out can only lower the mean.
        worst: the least of any view.
        pooled: of the mean squared error over all pixels of all views, identical ones included.
        foreground: the same over pixels where either alpha is above 1/255, so that an empty background
            does not count; None too where there is no such pixel, and without alphas.
        identical: how many views are equal in every pixel.
    """

    mean: float | None
    worst: float | None
    pooled: float | None
    foreground: float | None
    identical: int

    @property
    def absent(self) -> float | None:
        """What None stands for where a number is held to a limit: infinite where nothing differs."""
        return math.inf if self.pooled is None else None


@dataclass(frozen=True)
class Ssim:
    """Structural similarity (Wang et al. 2004), 1 for identical pictures.

    The window is Gaussian, of 11 pixels and sigma 1.5, K1 = 0.01, K2 = 0.03, every channel on its own, and
    only windows within the picture count. Splatting trainers log another SSIM, with zeros beyond the
    border.

    Attributes:
        mean, worst: over views of at least 11 x 11 pixels; None where there is none.
    """

    mean: float | None
    worst: float | None


@dataclass(frozen=True)
class ViewAlike:
    """How alike the pictures of one view are.

    Attributes:
        name: of the view.
        psnr: None where they are identical; foreground: as of `Psnr`.
        ssim: None where they are smaller than 11 x 11 pixels.
        alpha_mae: mean absolute difference of alphas; None without them.
        covered: the share of pixels where either alpha is above 1/255; None without them.
    """

    name: str
    psnr: float | None
    foreground: float | None
    ssim: float | None
    alpha_mae: float | None
    covered: float | None


@shown
@dataclass(frozen=True)
class Alike:
    """How alike the pictures of two models are.

    Attributes:
        alpha_mae: mean absolute difference of alphas over all pixels of all views; None without them.
        covered: the share of these pixels where either alpha is above 1/255; None without them.
        data_range: what values span, by which both are measured.
        views: in the order in which they were given.
    """

    psnr: Psnr
    ssim: Ssim
    alpha_mae: float | None
    covered: float | None
    data_range: float
    views: tuple[ViewAlike, ...]

    def _facts(self) -> dict[str, object]:
        return {"views": len(self.views), "psnr": self.psnr.mean, "ssim": self.ssim.mean}


@dataclass(frozen=True)
class _View:
    """The sums that a view leaves."""

    name: str
    pixels: int
    errors: images.Errors
    ssim: float | None


class Likeness:
    """Collects how alike pictures are, one view after another.

    Colours, (H, W, 3), are clipped to 0..1 as they would be if saved, but not rounded; their range is 1.
    X-ray images, (H, W), are taken as they are, and what they span has to be said: the largest value of the
    reference, say, but nothing that depends on what is judged, which could gain by an artefact.

    Args:
        data_range: what values span. Then colours too are taken as they are.
        ssim: whether to measure SSIM, which takes longer than all else; None stands for it otherwise.

    Raises:
        UsageError: a `data_range` that is not a positive number.
    """

    def __init__(self, *, data_range: float | None = None, ssim: bool = True) -> None:
        self._range = None if data_range is None else span(data_range, "data_range")
        self._ssim = ssim
        self._views: list[_View] = []
        self._kind: tuple[int, bool] | None = None  # dimensions, and whether there are alphas

    def add(
        self,
        name: str,
        picture: Image,
        alpha: Image | None,
        reference: Image,
        reference_alpha: Image | None,
    ) -> float:
        """Measure one view.

        Args:
            name: of the view.
            picture, reference: (H, W, 3) colours or (H, W) X-ray images, floats; float32 is fastest.
            alpha, reference_alpha: (H, W) floats of 0..1; None, both, where there are none.

        Returns:
            The mean squared error of its values.

        Raises:
            InputError: pictures of different sizes, of no known kind or of another than those before;
                values that are not finite; X-ray images without `data_range`.
        """
        kind = (picture.ndim, alpha is not None)
        if self._kind not in (None, kind):
            raise InputError(f"view {name} has pictures of another kind than those before it")
        _require_pair(name, picture, reference, (alpha, reference_alpha))
        extents = [_extent(name, image) for image in (picture, reference)]
        for image in (alpha, reference_alpha):
            if image is not None:
                _extent(name, image)
        if self._range is None:
            if picture.ndim == 2:
                raise InputError("X-ray images span anything", remedy="give `data_range`")
            picture, reference = (
                image if low >= 0 and high <= 1 else image.clip(0, 1)
                for image, (low, high) in zip((picture, reference), extents, strict=True)
            )
        found = images.errors(picture, reference, alpha, reference_alpha)
        height, width = picture.shape[:2]
        ssim: float | None = None
        if self._ssim and min(height, width) >= images.WINDOW:
            ssim = images.ssim(picture, reference, self._range or 1.0) if found.squares else 1.0
        self._views.append(_View(name, height * width, found, ssim))
        self._kind = kind
        return found.squares / found.values

    def add_drawn(self, name: str, picture: Picture, reference: Picture, behind: float) -> None:
        """Measure one view of two pictures as a rasterizer draws them, on a grey, without SSIM.

        Args:
            name: of the view. picture, reference: with colours.
            behind: from 0, black, to 1, white.

        Raises:
            InputError: pictures of different sizes, without colours, or where those before had none.
            UsageError: a `data_range`, which colours on a background do not have.
        """
        if self._kind not in (None, DRAWN):
            raise InputError(f"view {name} has pictures of another kind than those before it")
        if self._range is not None:
            raise UsageError("`data_range` has no effect on pictures that are put on a background")
        one, other = picture.color, reference.color
        if one is None or other is None:
            raise InputError(f"view {name} has a picture without colours")
        _require_pair(name, one, other, (picture.alpha, reference.alpha))
        found = images.errors(one, other, picture.alpha, reference.alpha, behind=behind)
        self._views.append(_View(name, one.shape[0] * one.shape[1], found, None))
        self._kind = DRAWN

    def alike(self) -> Alike:
        """What was found over all views so far.

        Raises:
            UsageError: no view was added.
        """
        if self._kind is None:
            raise UsageError("there is no view to compare")
        views, alphas = self._views, self._kind[1]
        data_range = self._range or 1.0
        each = tuple(_view_alike(view, data_range, alphas) for view in views)
        pixels = sum(view.pixels for view in views)
        total = _added([view.errors for view in views])
        psnrs = [view.psnr for view in each if view.psnr is not None]
        ssims = [view.ssim for view in each if view.ssim is not None]
        return Alike(
            Psnr(
                mean=_mean(psnrs),
                worst=min(psnrs, default=None),
                pooled=images.psnr(total.squares / total.values, data_range),
                foreground=_foreground(total, data_range),
                identical=len(views) - len(psnrs),
            ),
            Ssim(mean=_mean(ssims), worst=min(ssims, default=None)),
            total.alpha / pixels if alphas else None,
            total.front_values / total.values if alphas else None,
            data_range,
            each,
        )


def _require_pair(
    name: str, picture: Image, reference: Image, alphas: tuple[Image | None, Image | None]
) -> None:
    given = [alpha for alpha in alphas if alpha is not None]
    shape = picture.shape
    if reference.shape != shape:
        raise InputError(f"two pictures of view {name} have shapes {shape} and {reference.shape}")
    if not picture.size or not (picture.ndim == 2 or (picture.ndim == 3 and shape[2] == 3)):
        raise InputError(f"an array of shape {shape}, of view {name}, is no picture")
    if len(given) == 1 or any(alpha.shape != shape[:2] for alpha in given):
        raise InputError(f"the alphas of view {name} do not go with its pictures")
    for image in (picture, reference, *given):
        if image.dtype.kind != "f":
            raise InputError(f"a picture of view {name} is of {image.dtype}, not of floats")


def _extent(name: str, image: Image) -> tuple[float, float]:
    low, high = float(image.min()), float(image.max())
    if not (low >= -LARGEST and high <= LARGEST):  # which NaN is not either
        raise InputError(f"a picture of view {name} has values that are not finite")
    return low, high


def _view_alike(view: _View, data_range: float, alphas: bool) -> ViewAlike:
    return ViewAlike(
        view.name,
        images.psnr(view.errors.squares / view.errors.values, data_range),
        _foreground(view.errors, data_range),
        view.ssim,
        view.errors.alpha / view.pixels if alphas else None,
        view.errors.front_values / view.errors.values if alphas else None,
    )


def _foreground(errors: images.Errors, data_range: float) -> float | None:
    return images.psnr(errors.front / errors.front_values, data_range) if errors.front_values else None


def _added(parts: Iterable[images.Errors]) -> images.Errors:
    squares, values, front, front_values, alpha = zip(*parts, strict=True)
    return images.Errors(
        math.fsum(squares), sum(values), math.fsum(front), sum(front_values), math.fsum(alpha)
    )


def _mean(numbers: Sequence[float]) -> float | None:
    return math.fsum(numbers) / len(numbers) if numbers else None
