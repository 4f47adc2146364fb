"""What of a picture is shown, and what files hold of it."""

from __future__ import annotations

import io

import numpy as np
import pytest

from gscli.errors import UsageError
from gscli.rasterizers import Picture
from gscli.rendering import FILE_TYPES, pictures

COLOR = np.zeros((4, 6, 3), np.float32)
COLOR[..., 0] = 0.25
ALPHA = np.full((4, 6), 0.5, np.float32)
DEPTH = np.zeros((4, 6), np.float32)
DEPTH[0, :3] = 2, 3, 4
PICTURE = Picture(COLOR, ALPHA, DEPTH)


def test_a_background_shines_through() -> None:
    shown = pictures.shown(PICTURE, "rgb", pictures.background("#ff8000"))
    np.testing.assert_allclose(shown[0, 0], [0.75, 0.5 * 128 / 255, 0], atol=1e-6)


def test_nothing_behind_leaves_the_colour_as_it_is_where_it_is_opaque() -> None:
    shown = pictures.shown(PICTURE, "rgb", pictures.background("transparent"))
    np.testing.assert_allclose(shown[0, 0], [0.5, 0, 0, 0.5])
    bare = pictures.shown(Picture(COLOR, np.zeros_like(ALPHA)), "rgb", pictures.background("transparent"))
    assert not bare.any()


@pytest.mark.parametrize("name", ["blck", "#12345", "#xyzxyz", "", "rgb(1,2,3)"])
def test_what_is_no_colour_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is no colour"):
        pictures.background(name)


def test_near_is_bright_and_nothing_is_black() -> None:
    levels = pictures.levels(DEPTH, "depth")
    assert levels[0, :4].tolist() == [255, 102, 26, 0]
    assert pictures.span(DEPTH, "depth") == pytest.approx((4, 2), abs=0.02)
    assert pictures.levels(np.zeros((2, 2), np.float32), "depth").max() == 0


def test_an_xray_is_white_where_it_is_densest() -> None:
    sums = np.array([[0, 1, 4]], np.float32)
    assert pictures.levels(sums, "xray").tolist() == [[0, 64, 255]]
    assert pictures.span(sums, "xray") == (0, 4)


def test_values_outside_are_clipped_and_rounded_to_the_nearest() -> None:
    values = np.array([[-1, 0, 0.4999 / 255, 0.5001 / 255, 1, 7]], np.float32)
    assert pictures.levels(values, "alpha").tolist() == [[0, 0, 0, 1, 255, 255]]


@pytest.mark.parametrize("kind", FILE_TYPES)
@pytest.mark.parametrize("mode", ["rgb", "alpha"])
def test_files_hold_what_is_shown(kind: str, mode: str) -> None:
    behind = pictures.background("white")
    shown = pictures.shown(PICTURE, mode, behind)
    data = io.BytesIO(pictures.encoded(shown, mode, f".{kind}"))
    if kind == "npy":
        np.testing.assert_array_equal(np.load(data), shown)
        return
    image = pytest.importorskip("PIL.Image").open(data)
    found = np.asarray(image.convert("RGB" if mode == "rgb" else "L"), int)
    assert np.abs(found - pictures.levels(shown, mode)).max() <= (0 if kind == "png" else 3)


def test_transparency_is_kept_where_the_format_has_it() -> None:
    image = pytest.importorskip("PIL.Image")
    shown = pictures.shown(PICTURE, "rgb", pictures.background("transparent"))
    found = image.open(io.BytesIO(pictures.encoded(shown, "rgb", ".png")))
    assert found.mode == "RGBA"
    assert found.getpixel((0, 0)) == (128, 0, 0, 128)


@pytest.mark.parametrize("suffix", ["", ".gif", ".ply", ".PN"])
def test_other_suffixes_are_refused(suffix: str) -> None:
    with pytest.raises(UsageError, match="no picture is called"):
        pictures.require_suffix(suffix)


def test_a_suffix_has_one_spelling() -> None:
    assert [pictures.require_suffix(s) for s in (".PNG", ".jpeg", ".JPG")] == [".png", ".jpg", ".jpg"]
    with pytest.raises(UsageError, match="JPEG holds no transparency"):
        pictures.require_suffix(".jpeg", transparent=True)
