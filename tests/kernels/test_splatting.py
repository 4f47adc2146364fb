"""Bands, chunks and tiles: how a picture is cut to be drawn shows nowhere."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gscli import _core
from gscli.cameras import Camera
from gscli.kernels import splat_records, splatting
from gscli.rasterizers import core
from tests.drawn import ORBIT, Array, as_splats, cloud, look

pytestmark = pytest.mark.compiled


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PAIRS", 1), ("PAIRS", 50), ("SHARED", 1), ("SHARED", 50)),
        *(("CHUNK", 64), ("CHUNK", 65), ("TILES", 1), ("TILES", 7)),
    ],
)
def test_a_picture_is_the_same_however_it_is_cut(
    monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    scene = core.Drawable(as_splats(cloud(500, 1)))
    camera = look((1.6, -1.2, 0.9), width=203, height=101)
    wanted = scene.draw(camera, depth=True)
    monkeypatch.setattr(splatting, name, value)
    found = scene.draw(camera, depth=True)
    for part in ("color", "alpha", "depth"):
        np.testing.assert_array_equal(getattr(found, part), getattr(wanted, part))


@pytest.mark.parametrize(
    ("name", "value"), [("PAIRS", 1), ("PAIRS", 50), ("CHUNK", 64), ("CHUNK", 65), ("TILES", 1), ("TILES", 7)]
)
def test_shares_are_the_same_however_a_picture_is_cut(
    monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    scene = core.Drawable(as_splats(cloud(500, 1)))
    camera = look((1.6, -1.2, 0.9), width=203, height=101)
    image = np.random.default_rng(0).uniform(-1, 1, (101, 203, 4)).astype(np.float32)
    wanted = scene.share(camera, lambda _: image)[1]
    assert (wanted[:, 0] != 0).sum() > 100
    monkeypatch.setattr(splatting, name, value)
    np.testing.assert_array_equal(scene.share(camera, lambda _: image)[1], wanted)


@pytest.mark.parametrize(
    ("name", "value"), [("PAIRS", 50), ("PAIRS", 1 << 26), ("CHUNK", 64), ("TILES", 1), ("SHARED", 50)]
)
def test_what_each_fills_is_its_share_of_an_image_of_ones(
    monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    scene = core.Drawable(as_splats(cloud(500, 1)))
    camera = look((1.6, -1.2, 0.9), width=203, height=101)
    picture, shares = scene.share(camera, lambda found: np.ones((*found.solid.shape, 4), np.float32))
    monkeypatch.setattr(splatting, name, value)
    found, weights = scene.weigh(camera)
    np.testing.assert_array_equal(weights, shares[:, 0])
    assert (weights > 1).sum() > 100
    np.testing.assert_array_equal(found.color, picture.color)
    np.testing.assert_array_equal(found.alpha, picture.alpha)


def test_a_view_shows_nothing_of_those_before_it() -> None:
    """Arrays are kept from one to the next: larger and smaller ones, drawn from two threads at a time."""
    cameras = [look((1.6, -1.2, 0.9), width=side, height=side) for side in (40, 203, 17, 90)]
    image = np.random.default_rng(1).uniform(-1, 1, (203, 203, 4)).astype(np.float32)

    def seen(scene: core.Drawable, camera: Camera) -> list[Array]:
        picture, shares = scene.share(camera, lambda found: image[: len(found.solid), : len(found.solid)])
        deep, weights = scene.draw(camera, depth=True), scene.weigh(camera)[1]
        return [
            shares,
            weights,
            *(part for part in (picture.color, deep.color, deep.depth) if part is not None),
        ]

    splats = as_splats(cloud(700, 1))
    kept = core.Drawable(splats)
    kept.keep_room()
    with ThreadPoolExecutor(2) as pool:
        again = list(pool.map(lambda camera: seen(kept, camera), cameras * 2))
    for camera, *found in zip(cameras, again, again[4:], strict=False):
        alone = seen(core.Drawable(splats), camera)
        for parts in found:
            for one, other in zip(parts, alone, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("channel", [0, 2])
def test_an_image_that_is_empty_but_for_a_channel_is_shared_out_as_it_is_among_others(channel: int) -> None:
    scene = core.Drawable(as_splats(cloud(500, 1)))
    camera = look((1.6, -1.2, 0.9), width=101, height=101)
    image = np.random.default_rng(2).uniform(-1, 1, (101, 101, 4)).astype(np.float32)
    wanted = scene.share(camera, lambda _: image)[1]
    image[..., np.arange(4) != channel] = 0
    found = scene.share(camera, lambda _: image)[1]
    np.testing.assert_array_equal(found[:, channel], wanted[:, channel])
    assert np.count_nonzero(found) == np.count_nonzero(found[:, channel]) > 100


@pytest.mark.parametrize("wrong", [np.zeros((50, 70, 3)), np.zeros((70, 50, 4)), np.full((50, 70, 4), 1.01)])
def test_what_cannot_be_shared_out_is_refused(wrong: Array) -> None:
    scene = core.Drawable(as_splats(cloud(9)))
    for image in (wrong, np.full((50, 70, 4), np.nan)):
        with pytest.raises(ValueError, match="not one of 4 channels from -1 to 1"):
            scene.share(ORBIT, lambda _, image=image: image.astype(np.float32))  # type: ignore[misc]


@pytest.mark.parametrize("count", [1, 63, 64, 65, 127, 129])
def test_gaussians_are_projected_alike_in_any_batch(count: int) -> None:
    """The last ones of a batch that is not full are those of one that is."""
    scene = cloud(130, 3)
    alone = core.Drawable(as_splats(scene[:count])).draw(ORBIT)
    far = scene[count:].with_columns({"opacity": np.full(130 - count, -99, np.float32)})
    both = scene.with_columns({"opacity": np.concatenate([scene["opacity"][:count], far["opacity"]])})
    np.testing.assert_array_equal(core.Drawable(as_splats(both)).draw(ORBIT).color, alone.color)


def test_columns_beyond_a_row_are_refused() -> None:
    scene = core.Drawable(as_splats(cloud(3)))
    view = np.zeros(1, splat_records.VIEW)
    view["width"] = view["height"] = 8
    for field, value in (("opacity", 9999), ("opacity", -1), ("degree", 5), ("stride", 4)):
        columns = scene._columns.copy()
        columns[field] = value
        with pytest.raises(ValueError, match="not within rows"):
            splatting.draw(scene._splats.rows, columns, view, splatting.Room())


def test_both_sides_have_tiles_of_one_size() -> None:
    header = (_core.__path__[0] + "/core.h",)
    with open(*header, encoding="utf-8") as text:
        said = text.read()
    assert f"#define TILE_WIDTH {splatting.TILE[0]}\n#define TILE_HEIGHT {splatting.TILE[1]}\n" in said
    assert f"#define SHARES {splatting.SHARES} " in said
    assert f"#define SHARE_UNIT {splatting.SHARE_UNIT} " in said
    assert ctypes.sizeof(ctypes.c_float) * 12 == splat_records.SPLAT.itemsize


def test_hostile_bits_give_no_nan() -> None:
    """Rows of any bits whatsoever, drawn from within and without."""
    rng = np.random.default_rng(7)
    for seed in range(30):
        scene = cloud(200, 1, seed=seed)
        rows = scene.rows.copy()
        bits = rows.view(np.uint32).reshape(200, -1)
        struck = rng.random(bits.shape) < 0.05
        bits[struck] = rng.integers(0, 1 << 32, int(struck.sum()), dtype=np.uint64).astype(np.uint32)
        for camera in (ORBIT, look((0.01, 0, 0), (1, 0, 0), near=1e-6)):
            found = core.Drawable(as_splats(type(scene)(rows))).draw(camera, depth=True)
            for values in (found.color, found.alpha, found.depth):
                assert values is not None
                assert np.isfinite(values).all()


def test_a_processor_without_avx2_draws_the_same_bits() -> None:
    code = (
        "import hashlib; from tests.drawn import SCENES, XRAYS, as_splats; from gscli import _core; "
        "from gscli.rasterizers import core\n"
        "image = lambda seen: seen.color.repeat(2, 2)[..., :4] % 1\n"
        "found = hashlib.sha256()\n"
        "for scenes, xray in ((SCENES, False), (XRAYS, True)):\n"
        "    for scene, camera in scenes.values():\n"
        "        scene = core.Drawable(as_splats(scene, xray=xray))\n"
        "        shown = vars(scene.draw(camera, depth=not xray)).values()\n"
        "        shares = [] if xray else [scene.weigh(camera)[1], scene.share(camera, image)[1]]\n"
        "        for part in (*shown, *shares):\n"
        "            found.update(b'' if part is None else part.tobytes())\n"
        "print(_core.instructions(), found.hexdigest())"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **more},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for more in ({}, {"GSCLI_AVX2": "0"})
    ]
    assert told[1][0] != "AVX2"
    assert told[0][1] == told[1][1]
