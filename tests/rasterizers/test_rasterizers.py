"""What every rasterizer promises, asked of every file in gscli/rasterizers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gscli import _core, fields, scene
from gscli.cloud import GaussianCloud
from gscli.errors import EngineUnavailable, UsageError
from gscli.kernels import compositing, launches
from gscli.rasterizers import ON_CPU, RASTERIZERS, Chosen, Picture, chosen
from gscli.runtime import libraries
from tests.drawn import ORBIT, PARALLEL, SCENES, XRAYS, as_splats, brute, cloud, harmonic, look, psnr


def _marked(name: str) -> Any:
    """An engine's name; one that draws on a GPU is among what is tested there."""
    return pytest.param(name, marks=[pytest.mark.gpu] if RASTERIZERS.get(name).gpu else [])


@pytest.fixture(params=map(_marked, RASTERIZERS.names()))
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chosen]:
    """Every engine, on a GPU where there is one and it draws there."""
    where = None
    if RASTERIZERS.get(request.param).gpu and libraries.trouble("torch") is None:
        import torch

        where = torch.device("cuda") if torch.cuda.is_available() else None
    found = chosen(request.param, where)
    try:
        found.prepare(as_splats(cloud(1)))
    except EngineUnavailable as missing:
        pytest.skip(str(missing))
    if is_interpreted(found):
        monkeypatch.setattr(compositing, "SHARED_BLOCK", compositing.TILE)  # fewer programs
        with np.errstate(all="ignore"):  # as a GPU computes with what is not finite
            yield found
    else:
        yield found


def is_interpreted(engine: Chosen) -> bool:
    """Whether kernels for a GPU are at work where there is none."""
    return engine.engine.gpu and engine.device is None


def test_the_directory_lists_the_engines() -> None:
    assert "core" in RASTERIZERS.names()


@pytest.mark.parametrize("name", SCENES)
def test_a_picture_is_that_of_every_gaussian_over_every_pixel(engine: Chosen, name: str) -> None:
    scene, camera = SCENES[name]
    found = engine.prepare(as_splats(scene)).draw(camera, depth=True)
    for part, wanted in brute(scene, camera).items():
        values = getattr(found, part)
        assert values.shape == wanted.shape
        assert values.dtype == np.float32
        assert psnr(values, wanted) > 110, part


@pytest.mark.parametrize("xray", [False, True])
def test_a_large_scene_is_right_wherever_one_looks(engine: Chosen, xray: bool) -> None:
    whole = scene.make(60_000, sh_degree=2)
    camera = look((3.2, -2.4, 1.6), (0, 0, 0.5), width=400, height=300)
    pixels = np.random.default_rng(0).integers(0, (400, 300), (120, 2))
    found = engine.prepare(as_splats(whole, xray=xray)).draw(camera, depth=True)
    for part, wanted in brute(whole, camera, xray=xray, pixels=pixels).items():
        assert psnr(getattr(found, part)[pixels[:, 1], pixels[:, 0]], wanted) > 100, part


@pytest.mark.parametrize("name", XRAYS)
def test_an_xray_adds_up_what_every_gaussian_takes_from_each_ray(engine: Chosen, name: str) -> None:
    scene, camera = XRAYS[name]
    found = engine.prepare(as_splats(scene, xray=True)).draw(camera)
    assert found.color is None
    assert found.xray is not None
    assert psnr(found.xray, brute(scene, camera, xray=True)["xray"]) > 110


@pytest.mark.parametrize("camera", [look((30, -20, 15), fov=3), PARALLEL], ids=["cone", "parallel"])
def test_an_xray_is_the_integral_along_the_ray(engine: Chosen, camera: object) -> None:
    """Seen from afar, the affine approximation of a perspective is as good as exact."""
    scene = cloud(60, seed=3)
    found = engine.prepare(as_splats(scene, xray=True)).draw(camera)
    assert found.xray is not None
    total = np.zeros((camera.height, camera.width))
    pose = camera.world_to_camera
    across, down = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    x, y = (across - camera.cx) / camera.fx, (down - camera.cy) / camera.fy
    if camera.parallel:
        origins, ways = np.stack([x, y, np.zeros_like(x)], -1), np.array([0.0, 0, 1])
    else:
        origins, ways = np.zeros((*x.shape, 3)), np.stack([x, y, np.ones_like(x)], -1)
        ways = ways / np.linalg.norm(ways, axis=-1, keepdims=True)
    for row in range(len(scene)):
        column = lambda *names: np.array([float(scene[name][row]) for name in names])  # noqa: E731, B023
        w, i, j, k = column(*fields.ROTATION) / np.linalg.norm(column(*fields.ROTATION))
        turn = np.array([
            [1 - 2 * (j * j + k * k), 2 * (i * j - w * k), 2 * (i * k + w * j)],
            [2 * (i * j + w * k), 1 - 2 * (i * i + k * k), 2 * (j * k - w * i)],
            [2 * (i * k - w * j), 2 * (j * k + w * i), 1 - 2 * (i * i + j * j)],
        ])  # fmt: skip
        squeeze = np.diag(1 / np.exp(column(*fields.SCALE))) @ turn.T @ pose[:3, :3].T
        middle = pose[:3, :3] @ column(*fields.POSITION) + pose[:3, 3]
        o, d = (origins - middle) @ squeeze.T, ways @ squeeze.T
        dd, od, oo = (d * d).sum(-1), (o * d).sum(-1), (o * o).sum(-1)
        integral = np.sqrt(2 * np.pi / dd) * np.exp(-(oo - od * od / dd) / 2)
        total += fields.sigmoid(scene["opacity"][row]) * integral
    assert total.max() > 0.1
    np.testing.assert_allclose(found.xray, total, atol=0.01 * total.max())


def test_a_picture_is_the_same_every_time(engine: Chosen, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = engine.prepare(as_splats(cloud(60 if is_interpreted(engine) else 40_000, 1, seed=5)))
    first = drawn.draw(ORBIT, depth=True)
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("GSCLI_THREADS", threads)
        again = drawn.draw(ORBIT, depth=True)
        for part in ("color", "alpha", "depth"):
            np.testing.assert_array_equal(getattr(again, part), getattr(first, part))


def test_nothing_is_drawn_that_was_not_asked_for(engine: Chosen) -> None:
    assert engine.prepare(as_splats(cloud(9))).draw(ORBIT).depth is None


def test_gaussians_without_colours_have_shadows(engine: Chosen) -> None:
    scene = cloud(60)
    bare = GaussianCloud.from_columns({n: scene[n] for n in scene.fields if not n.startswith("f_dc")})
    found = engine.prepare(as_splats(bare)).draw(ORBIT)
    assert found.color is None
    np.testing.assert_array_equal(found.alpha, engine.prepare(as_splats(scene)).draw(ORBIT).alpha)


def test_columns_in_any_order_and_with_others_between_are_drawn_alike(engine: Chosen) -> None:
    scene = cloud(40, 2)
    names = [*reversed(scene.fields)]
    mixed = GaussianCloud.from_columns(
        {"label": np.arange(40, dtype=np.uint8)} | {name: scene[name] for name in names}
    )
    swapped = GaussianCloud(scene.rows.astype(scene.rows.dtype.newbyteorder(">")))
    doubled = GaussianCloud.from_columns({name: scene[name].astype(np.float64) for name in scene.fields})
    wanted = engine.prepare(as_splats(scene)).draw(ORBIT)
    for other in (mixed, swapped, doubled):
        np.testing.assert_array_equal(engine.prepare(as_splats(other)).draw(ORBIT).color, wanted.color)


def test_colours_are_laid_over_a_background(engine: Chosen) -> None:
    scene, camera = SCENES["degree 3"]
    found = engine.prepare(as_splats(scene)).draw(camera)
    assert found.alpha is not None
    behind = found.over((1.0, 0.5, 0.0))
    for channel, light in enumerate((1.0, 0.5, 0.0)):
        np.testing.assert_allclose(
            behind[..., channel], found.color[..., channel] + (1 - found.alpha) * light, atol=1e-6
        )


def test_a_parallel_beam_of_colours_is_refused(engine: Chosen) -> None:
    with pytest.raises(UsageError, match="parallel beam"):
        engine.prepare(as_splats(cloud(1))).draw(PARALLEL)


def test_the_twin_knows_spherical_harmonics() -> None:
    """They are orthonormal over the sphere, which a Fibonacci lattice integrates."""
    count = 4000
    z = 1 - (2 * np.arange(count) + 1) / count
    angle = np.arange(count) * math.pi * (3 - math.sqrt(5))
    ways = np.stack([np.cos(angle) * np.sqrt(1 - z * z), np.sin(angle) * np.sqrt(1 - z * z), z], 1)
    basis = np.stack([harmonic(d, m, ways) for d in range(5) for m in range(-d, d + 1)])
    np.testing.assert_allclose(basis @ basis.T * (4 * math.pi / count), np.eye(25), atol=2e-3)


def painted(scene: GaussianCloud, rows: Any) -> GaussianCloud:
    """The same Gaussians, some of them white and the others black."""
    color = np.full(len(scene), -0.5 / fields.SH_C0, np.float32)
    color[rows] *= -1
    return scene.with_columns({name: color for name in fields.SH_DC})


def ramp(picture: Picture) -> Any:
    """An image to share out that differs from pixel to pixel, of both signs."""
    assert picture.alpha is not None
    rng = np.random.default_rng(picture.alpha.size)
    return rng.uniform(-1, 1, (*picture.alpha.shape, 4)).astype(np.float32)


@pytest.mark.parametrize("name", ["degree 0", "several tiles", "antialiased", "far from the origin"])
def test_an_image_is_shared_out_among_splats_as_they_fill_its_pixels(engine: Chosen, name: str) -> None:
    """What one got is the image under its own picture, in which all others are black."""
    scene, camera = SCENES[name]
    if is_interpreted(engine):
        scene = scene[:8]
    picture, shares = engine.prepare(as_splats(scene)).share(camera, ramp)
    image = ramp(picture).astype(np.float64)
    for row in range(0, len(scene), 7):
        alone = engine.prepare(as_splats(painted(scene, row))).draw(camera).color
        assert alone is not None
        wanted = (image * alone[..., :1]).sum((0, 1))
        np.testing.assert_allclose(shares[row], wanted, atol=2e-4)
    drawn = engine.prepare(as_splats(scene)).draw(camera)
    np.testing.assert_array_equal(picture.color, drawn.color)
    np.testing.assert_array_equal(picture.alpha, drawn.alpha)


def test_shares_are_the_same_every_time(engine: Chosen, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 9 if is_interpreted(engine) else 20_000
    scene = engine.prepare(as_splats(cloud(count, 1, seed=5)))
    wanted = scene.share(ORBIT, ramp)[1]
    assert wanted.shape == (count, 4)
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("GSCLI_THREADS", threads)
        np.testing.assert_array_equal(scene.share(ORBIT, ramp)[1], wanted)


@pytest.mark.gpu
def test_shares_are_the_same_by_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """And as compiled kernels have them, but where a footprint just reaches a pixel, or does not."""
    torch = pytest.importorskip("torch")
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if launches.trouble(where) is not None:
        pytest.skip("no GPU here and nothing interpreted")
    scene = as_splats(SCENES["many behind each other"][0][:40])
    camera = look((1.6, -1.2, 0.9), width=18, height=9)
    found = []
    for block in (8, 16):
        monkeypatch.setattr(compositing, "SHARED_BLOCK", block)
        found.append(RASTERIZERS.get("triton").prepare(scene, device=where).share(camera, ramp)[1])
    np.testing.assert_array_equal(*found)
    if _core.available():
        expected = RASTERIZERS.get(ON_CPU).prepare(scene).share(camera, ramp)[1]
        np.testing.assert_allclose(found[0], expected, atol=0.01)


def test_nothing_is_shared_out_in_an_xray(engine: Chosen) -> None:
    with pytest.raises(UsageError, match="not in an X-ray"):
        engine.prepare(as_splats(cloud(9), xray=True)).share(ORBIT, ramp)
    with pytest.raises(UsageError, match="not in an X-ray"):
        engine.prepare(as_splats(cloud(9), xray=True)).weigh(ORBIT)
