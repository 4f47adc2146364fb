"""The scenes that gscli makes: reproducible, of any size, as uneven as trained ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gscli import fields, read, scene
from gscli.errors import UsageError, WriteRefused

from .data import make_scene
from .update_docs import SCENE


@pytest.mark.parametrize("points", [0, 1, scene.BLOCK - 1, scene.BLOCK, scene.BLOCK + 1])
def test_the_file_holds_what_is_made_in_memory(points: int, tmp_path: Path) -> None:
    scene.write(tmp_path / "scene.ply", points, sh_degree=0, seed=5)
    made = scene.make(points, sh_degree=0, seed=5)
    assert len(made) == points
    assert read(tmp_path / "scene.ply").rows.tobytes() == made.rows.tobytes()


@pytest.mark.parametrize("degree", range(5))
def test_the_columns_are_those_of_the_sh_degree(degree: int) -> None:
    made = scene.make(10, sh_degree=degree)
    assert fields.is_gaussian(made.fields)
    assert fields.sh_degree(made.fields) == degree
    assert len(made.fields) == 14 + 3 * (degree + 1) ** 2


def test_every_value_is_finite_and_in_range() -> None:
    rows = scene.make(50_000).rows
    assert all(np.isfinite(rows[name]).all() for name in rows.dtype.names)
    alpha = fields.sigmoid(rows["opacity"])
    assert alpha.min() > 0.004
    assert alpha.max() < 1.0


def test_a_seed_makes_one_scene_and_another_seed_another() -> None:
    first, again, other = (scene.make(1000, seed=seed).rows for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert (first["x"] != other["x"]).mean() > 0.99


@pytest.mark.parametrize(("points", "flyaways"), [(100, 0), (100, 7), (scene.BLOCK + 100, 31), (5, 5)])
def test_as_many_flyaways_as_asked_for(points: int, flyaways: int) -> None:
    made = scene.make(points, sh_degree=0, flyaways=flyaways)
    assert (np.linalg.norm(made.xyz, axis=1) > 5 * scene.HORIZON).sum() == flyaways


def test_density_varies_over_three_orders_of_magnitude() -> None:
    xyz = scene.make(20_000, sh_degree=0, flyaways=0).xyz.astype(np.float64)
    some = xyz[:500]
    eighth = np.sort(((some[:, None] - xyz[None]) ** 2).sum(axis=2), axis=1)[:, 8]
    sparse, dense = np.percentile(1 / eighth, [5, 95])
    assert 1e3 < dense / sparse < 1e5


def test_flat_splats_face_the_way_their_surface_does() -> None:
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((200, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    w, x, y, z = scene._facing(normal, rng.uniform(0, 3, 200)).T
    turned = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=1)
    np.testing.assert_allclose(turned, normal, atol=1e-12)


@pytest.mark.parametrize(
    "wrong", [{"points": -1}, {"sh_degree": 5}, {"seed": -1}, {"points": 10, "flyaways": 11}]
)
def test_values_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="must be between 0 and"):
        scene.make(**wrong)


def test_an_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "scene.ply"
    path.write_text("precious")
    with pytest.raises(WriteRefused):
        scene.write(path, 10)
    assert path.read_text() == "precious"
    scene.write(path, 10, overwrite=True)
    assert len(read(path)) == 10
    assert [entry.name for entry in tmp_path.iterdir()] == ["scene.ply"]


def test_the_scene_of_the_documents_is_what_its_script_makes() -> None:
    """But for the last bit, which another library of mathematics may round elsewhere."""
    kept, made = read(SCENE).rows, make_scene.make().rows
    assert (kept.dtype, len(kept)) == (made.dtype, len(made))
    for name in made.dtype.names:
        np.testing.assert_allclose(kept[name], made[name], rtol=1e-5, atol=1e-6, err_msg=name)
    assert SCENE.stat().st_size < 1 << 20
