"""How alike pictures are: what each number means, view by view and over all."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from gscli.comparing import gates
from gscli.errors import InputError, UsageError
from gscli.kernels import images
from gscli.rasterizers import Picture
from gscli.rendering.metrics import Alike, Likeness

View = tuple[Any, Any, Any, Any]


def view(seed: int, noise: float = 0.1, size: tuple[int, int] = (30, 40)) -> View:
    """A square on black, and the same with noise."""
    rng = np.random.default_rng(seed)
    picture, alpha = np.zeros((*size, 3), np.float32), np.zeros(size, np.float32)
    inside = (slice(5, 20), slice(5, 25))
    picture[inside], alpha[inside] = rng.random(picture[inside].shape), 0.9
    noisy, other = picture.copy(), alpha.copy()
    noisy[inside] += noise * rng.normal(size=noisy[inside].shape)
    other[inside] -= noise
    return noisy, other, picture, alpha


def xray(seed: int, high: float = 3.0, noise: float = 0.1) -> View:
    rng = np.random.default_rng(seed)
    picture = (high * rng.random((20, 30))).astype(np.float32)
    picture[0, 0] = high
    return (
        np.minimum(picture + np.float32(noise) * rng.random((20, 30), np.float32), high),
        None,
        picture,
        None,
    )


def alike(*views: View, data_range: float | None = None) -> Alike:
    likeness = Likeness(data_range=data_range)
    for number, (picture, alpha, reference, reference_alpha) in enumerate(views):
        likeness.add(f"v{number}", picture, alpha, reference, reference_alpha)
    return likeness.alike()


def decibels(square: float, data_range: float = 1.0) -> float:
    return 10 * math.log10(data_range**2 / square)


def test_the_numbers_are_their_definitions() -> None:
    views = [view(1), view(2, 0.3), view(3, 0.02)]
    found = alike(*views)
    clipped = [[np.clip(image, 0, 1).astype(np.float64) for image in (v[0], v[2])] for v in views]
    squares = [(a - b) ** 2 for a, b in clipped]
    fronts = [s[np.maximum(v[1], v[3]) > 1 / 255] for s, v in zip(squares, views, strict=True)]
    each = [decibels(s.mean()) for s in squares]
    assert found.psnr.mean == pytest.approx(np.mean(each))
    assert found.psnr.worst == pytest.approx(min(each)) == pytest.approx(each[1])
    assert found.psnr.pooled == pytest.approx(decibels(np.mean(squares)))
    assert found.psnr.foreground == pytest.approx(decibels(np.mean(np.concatenate(fronts))))
    assert found.psnr.identical == 0
    similar = [images.ssim(a, b) for a, b in clipped]
    assert found.ssim.mean == pytest.approx(np.mean(similar), abs=1e-6)  # clipped numbers are float32
    assert found.ssim.worst == pytest.approx(min(similar), abs=1e-6)
    assert found.alpha_mae == pytest.approx(np.mean([np.abs(v[1] - v[3]) for v in views]), rel=1e-5)
    assert found.covered == pytest.approx(15 * 20 / (30 * 40))
    assert found.data_range == 1
    assert [one.name for one in found.views] == ["v0", "v1", "v2"]
    assert [one.psnr for one in found.views] == pytest.approx(each)
    assert [one.foreground for one in found.views] == pytest.approx([decibels(f.mean()) for f in fronts])


def test_an_empty_background_flatters_all_but_the_foreground() -> None:
    found = alike(view(1))
    assert found.psnr.foreground is not None
    assert found.psnr.pooled == pytest.approx(found.psnr.foreground + decibels(0.25))


def test_identical_views_are_counted_and_have_no_psnr() -> None:
    same = view(1)[2:] * 2
    found = alike(same, view(2), same)
    assert found.psnr.identical == 2
    assert [one.psnr is None for one in found.views] == [True, False, True]
    assert found.psnr.mean == found.psnr.worst == found.views[1].psnr
    assert found.psnr.pooled == pytest.approx(found.views[1].psnr + decibels(1 / 3), abs=1e-9)
    assert found.views[0].ssim == 1
    nothing = alike(same, same)
    assert dataclasses.astuple(nothing.psnr) == (None, None, None, None, 2)
    assert (nothing.ssim.mean, nothing.alpha_mae) == (1, 0)


def test_a_difference_behind_everything_is_no_foreground() -> None:
    picture, alpha, reference, reference_alpha = view(1, 0.0)
    picture = picture.copy()
    picture[25, 30] = 0.5
    found = alike((picture, alpha, reference, reference_alpha))
    assert found.psnr.pooled is not None
    assert found.psnr.foreground is None
    assert alike((picture, 0 * alpha, reference, 0 * alpha)).covered == 0


def test_colours_are_clipped_as_they_would_be_saved_and_not_rounded() -> None:
    white = np.ones((12, 12, 3), np.float32)
    alpha = np.ones((12, 12), np.float32)
    assert alike((white + 3, alpha, white, alpha)).psnr.identical == 1
    assert alike((-white, alpha, 0 * white, alpha)).psnr.identical == 1
    assert alike((white, alpha, white - np.float32(1e-3), alpha)).psnr.mean == pytest.approx(60, abs=1e-3)


@pytest.mark.parametrize("behind", [0.0, 1.0])
def test_drawn_pictures_are_as_alike_as_they_are_on_a_background(behind: float) -> None:
    likeness, wanted = Likeness(ssim=False), Likeness(ssim=False)
    for number, given in enumerate((view(1), view(2, 0.3))):
        one, other = (Picture(*(part.astype(np.float32) for part in pair)) for pair in (given[:2], given[2:]))
        likeness.add_drawn(f"v{number}", one, other, behind)
        behind_both = [picture.over((behind,) * 3) for picture in (one, other)]
        wanted.add(f"v{number}", behind_both[0], one.alpha, behind_both[1], other.alpha)
    assert likeness.alike() == wanted.alike()


def test_what_no_rasterizer_draws_is_refused() -> None:
    color, alpha = np.zeros((4, 5, 3), np.float32), np.zeros((4, 5), np.float32)
    drawn = Picture(color, alpha)
    for other, said in (
        (Picture(None, alpha), "view a has a picture without colours"),
        (Picture(color[:3], alpha[:3]), "two pictures of view a have shapes"),
    ):
        with pytest.raises(InputError, match=said):
            Likeness(ssim=False).add_drawn("a", drawn, other, 0)
    with pytest.raises(UsageError, match="has no effect on pictures that are put"):
        Likeness(data_range=1.0).add_drawn("a", drawn, drawn, 0)
    likeness = Likeness(data_range=1.0)
    likeness.add("a", *xray(1))
    with pytest.raises(InputError, match="view b has pictures of another kind"):
        likeness.add_drawn("b", drawn, drawn, 0)


def test_a_range_takes_colours_as_they_are() -> None:
    white = np.ones((12, 12, 3), np.float32)
    found = alike((4 * white, None, 3 * white, None), data_range=10.0)
    assert found.psnr.mean == pytest.approx(20)
    assert found.data_range == 10


def test_a_range_for_x_rays_is_that_of_everything() -> None:
    views = [xray(1), xray(2, 5.0)]
    found = alike(*views, data_range=8.0)
    assert found.data_range == 8
    assert [one.ssim for one in found.views] == [images.ssim(v[0], v[2], 8.0) for v in views]


def test_x_rays_are_pooled_by_the_range_of_all() -> None:
    views = [xray(1), xray(2, 5.0), xray(3, 0.5)]
    found = alike(*views, data_range=5.0)
    squares = [np.mean((v[0].astype(np.float64) - v[2]) ** 2) for v in views]
    assert [one.psnr for one in found.views] == pytest.approx([decibels(s, 5.0) for s in squares])
    assert found.psnr.pooled == pytest.approx(decibels(float(np.mean(squares)), 5.0))
    assert (found.psnr.foreground, found.alpha_mae, found.covered) == (None, None, None)


def test_a_view_tells_its_mean_squared_error() -> None:
    picture, _, reference, _ = xray(4)
    told = Likeness(data_range=3.0).add("a", picture, None, reference, None)
    assert told == pytest.approx(np.mean((picture.astype(np.float64) - reference) ** 2))


def test_small_pictures_have_no_ssim_and_large_ones_are_averaged() -> None:
    found = alike(view(1), view(2, size=(30, 40)))
    small = (*(image[5:15, 5:30] for image in view(3)),)
    mixed = alike(view(1), small)  # type: ignore[arg-type]
    assert mixed.views[1].ssim is None
    assert mixed.ssim.mean == mixed.views[0].ssim == found.views[0].ssim
    assert dataclasses.astuple(alike(small).ssim) == (None, None)  # type: ignore[arg-type]


def test_views_of_other_sizes_are_pooled_by_pixels() -> None:
    found = alike(view(1), view(2, size=(60, 80)))
    squares = [
        np.sum((np.clip(a, 0, 1).astype(np.float64) - np.clip(b, 0, 1)) ** 2)
        for a, _, b, _ in (view(1), view(2, size=(60, 80)))
    ]
    assert found.psnr.pooled == pytest.approx(decibels(sum(squares) / (3 * (30 * 40 + 60 * 80))))


def test_the_order_of_views_does_not_matter() -> None:
    views = [view(1), view(2, 0.3), view(3, 0.02)]
    one, other = alike(*views), alike(*views[::-1])
    assert (one.psnr, one.ssim, one.alpha_mae) == (other.psnr, other.ssim, other.alpha_mae)


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(which: int, value: float) -> None:
    given = [image.copy() for image in view(1)]
    given[which][7, 7] = value
    with pytest.raises(InputError, match="view v0 has values that are not finite"):
        alike(tuple(given))


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (((4, 4, 3), (4, 4), (4, 5, 3), (4, 5)), "two pictures of view v0 have shapes"),
        (((4, 4, 4), (4, 4), (4, 4, 4), (4, 4)), "no picture"),
        (((0, 4, 3), (0, 4), (0, 4, 3), (0, 4)), "no picture"),
        (((4,), None, (4,), None), "no picture"),
        (((4, 4, 3), (4, 4), (4, 4, 3), None), "alphas of view v0"),
        (((4, 4, 3), None, (4, 4, 3), (4, 4)), "alphas of view v0"),
        (((4, 4, 3), (4, 5), (4, 4, 3), (4, 4)), "alphas of view v0"),
    ],
)
def test_what_is_no_pair_of_pictures_is_refused(shapes: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        alike(tuple(None if shape is None else np.zeros(shape, np.float32) for shape in shapes))  # type: ignore[arg-type]


def test_integers_are_refused() -> None:
    bytes_ = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(InputError, match="of uint8, not of floats"):
        alike((bytes_, None, bytes_, None))


def test_views_of_two_kinds_are_refused_and_change_nothing() -> None:
    likeness = Likeness()
    likeness.add("a", *view(1))
    for other in (xray(1), (view(1)[0], None, view(1)[2], None)):
        with pytest.raises(InputError, match="view b has pictures of another kind"):
            likeness.add("b", *other)
    assert len(likeness.alike().views) == 1


def test_x_rays_without_a_range_are_refused() -> None:
    nothing = np.zeros((4, 4), np.float32)
    with pytest.raises(InputError, match="give data_range"):
        alike((nothing, None, nothing - 1, None))


@pytest.mark.parametrize("data_range", [0.0, -1.0, math.inf, math.nan, 1e300])
def test_a_range_that_is_none_is_refused(data_range: float) -> None:
    with pytest.raises(UsageError, match="data_range must be a positive number"):
        Likeness(data_range=data_range)


def test_nothing_is_not_alike() -> None:
    with pytest.raises(UsageError, match="no view"):
        Likeness().alike()


def test_pictures_stay_as_they_are_and_are_not_kept() -> None:
    given = view(1)
    copies = [image.copy() for image in given]
    likeness = Likeness()
    likeness.add("a", *given)
    assert all((one == other).all() for one, other in zip(given, copies, strict=True))
    assert not any(isinstance(value, np.ndarray) for value in vars(likeness._views[0]).values())


def test_every_number_can_be_required_and_is_json() -> None:
    found = alike(view(1), view(2))
    json.dumps(dataclasses.asdict(found), allow_nan=False)
    for metric in (
        "psnr.mean",
        "psnr.worst",
        "psnr.pooled",
        "psnr.foreground",
        "psnr.identical",
        "ssim.mean",
    ):
        gates.require_number(f"render.{metric}", {"render": Alike}, 1)
    for metric in ("ssim.worst", "alpha_mae", "covered", "data_range"):
        gates.require_number(f"render.{metric}", {"render": Alike}, 1)
    assert gates.number("psnr.mean", found) == found.psnr.mean


def test_it_shows_itself_in_a_line() -> None:
    found = alike(view(1))
    assert repr(found) == f"<Alike: views 1, psnr {found.psnr.mean:.4g}, ssim {found.ssim.mean:.4g}>"
