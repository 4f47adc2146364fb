"""Normals of a scene's own, and M3C2 along them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gscli
from gscli import fields
from gscli.cloud import GaussianCloud
from gscli.comparing import normals
from gscli.errors import InputError, UsageError

Make = Callable[..., GaussianCloud]
UP = np.array([0.0, 0.0, 1.0])


def turned(quaternion: Any) -> Any:
    """(3, 3) the rotation of a quaternion, column by column by Rodrigues' formula."""
    w, *v = np.asarray(quaternion, float) / np.linalg.norm(quaternion)
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


def axis_of(scene: GaussianCloud, row: int) -> Any:
    """The shortest axis of one Gaussian, pointing up."""
    scales = [scene[name][row] for name in fields.scale_names(scene.fields)]
    matrix = turned([scene[name][row] for name in fields.ROTATION])
    found = matrix[:, int(np.argmin(scales)) if len(scales) == 3 else 2]
    return found * (-1 if found @ UP < 0 else 1)


@pytest.mark.parametrize("flat", [False, True])
def test_a_gaussian_without_a_normal_has_that_of_its_shortest_axis(make_scene: Make, flat: bool) -> None:
    scene = make_scene(200)
    if flat:
        scene = GaussianCloud.from_columns({n: scene[n] for n in scene.fields if n != "scale_2"})
    found, counts = normals.own(scene, None, np.eye(3), UP)
    assert counts == normals.Normals(0, 0, 200)
    np.testing.assert_allclose(found.T, [axis_of(scene, row) for row in range(200)], atol=1e-6)


def test_normals_that_are_stored_come_first_and_what_has_none_has_none(make_scene: Make) -> None:
    scene = make_scene(60)
    rows = scene.rows.copy()
    for name, value in zip(fields.NORMAL, (0.0, 3e30, -4e30), strict=True):
        rows[name][:20] = value
    rows["nx"][5] = np.nan
    for name in fields.SCALE:
        rows[name][30:33] = -1  # a ball
    rows["scale_1"][33] = np.nan
    rows["scale_0"][34] = -np.inf  # flat, which is a shortest axis too
    for name in fields.ROTATION:
        rows[name][40:44] = 0
    scene = GaussianCloud(rows, scene.header)
    found, counts = normals.own(scene, None, np.eye(3), UP)
    assert counts == normals.Normals(0, 19, 60 - 19 - 8)
    np.testing.assert_allclose(found[:, 0], [0, -0.6, 0.8])
    np.testing.assert_allclose(found[:, 5], axis_of(scene, 5), atol=1e-6)
    lacking = np.isnan(found).any(0)
    assert np.flatnonzero(lacking).tolist() == [30, 31, 32, 33, 40, 41, 42, 43]
    some = np.array([0, 5, 31, 59])
    part, few = normals.own(scene, some, np.eye(3), UP)
    np.testing.assert_array_equal(part, found[:, some])
    assert few == normals.Normals(0, 1, 2)


def test_they_move_with_the_planes_that_they_stand_on() -> None:
    rng = np.random.default_rng(0)
    along = rng.normal(size=(2, 3))
    normal = np.cross(*along)
    columns = dict(zip((*fields.POSITION, *fields.NORMAL), (0.0, 0.0, 0.0, *normal), strict=True))
    cloud = GaussianCloud.from_columns({name: np.full(4, value) for name, value in columns.items()})
    matrix = rng.normal(size=(3, 3))  # it stretches, turns and mirrors
    found, _ = normals.own(cloud, None, matrix, UP)
    np.testing.assert_allclose((matrix @ along.T).T @ found, 0, atol=1e-12)
    np.testing.assert_allclose((found**2).sum(0), 1)
    assert (found[2] >= 0).all()


def flat(n: int, seed: int, z: float) -> GaussianCloud:
    """Thin Gaussians on a square at a height, turned about its normal, with noise."""
    rng = np.random.default_rng(seed)
    spin = rng.uniform(0, np.pi, n)
    columns = {"x": rng.random(n), "y": rng.random(n), "z": z + rng.normal(0, 0.01, n), "opacity": np.ones(n)}
    columns |= {name: np.zeros(n) for name in (*fields.NORMAL, "rot_1", "rot_2")}
    columns |= {"rot_0": np.cos(spin), "rot_3": np.sin(spin)}
    columns |= {"scale_0": np.full(n, -2.0), "scale_1": np.full(n, -2.5), "scale_2": np.full(n, -6.0)}
    return GaussianCloud.from_columns(columns)


NEW, REFERENCE = flat(900, 1, 0.05), flat(800, 2, 0.0)


def test_m3c2_measures_along_them_and_its_report_says_so() -> None:
    result = gscli.compare(NEW, REFERENCE, threshold=0.1, m3c2="own,0.1", m3c2_depth=0.3)
    found = result.m3c2
    assert found is not None
    assert abs(found.mean - 0.05) < 0.002  # type: ignore[operator]
    assert found.significant == found.detectable == 900
    told = result.to_dict()
    assert told["m3c2"]["normals"] == {"fitted": 0, "stored": 0, "shortest_axis": 900}
    assert (told["options"]["m3c2"]["normals"], told["options"]["m3c2"]["normal_radii"]) == ("own", [])
    assert told["m3c2"]["neighbors"] is None
    fitted = gscli.compare(NEW, REFERENCE, threshold=0.1, m3c2=(0.3, 0.1), m3c2_depth=0.3).to_dict()
    assert fitted["m3c2"]["normals"] == {"fitted": 900, "stored": 0, "shortest_axis": 0}
    assert fitted["options"]["m3c2"]["normals"] == "fitted"
    part = gscli.compare(
        NEW, REFERENCE, threshold=0.1, m3c2="own,0.1", m3c2_depth=0.3, max_queries=50, seed=3
    )
    assert part.evidence is not None
    assert result.evidence is not None
    assert part.evidence.moved is not None
    assert result.evidence.moved is not None
    asked = part.evidence.forth.asked
    np.testing.assert_array_equal(part.evidence.moved.distances, result.evidence.moved.distances[asked])


def test_a_source_that_is_moved_takes_its_normals_along() -> None:
    turn = np.array([[1, 0, 0, 0.2], [0, 0, -1, 0.3], [0, 1, 0, 0.1], [0, 0, 0, 1.0]])
    columns = {name: NEW[name] for name in NEW.fields}
    columns["y"], columns["z"] = NEW["z"] - 0.1, -(NEW["y"] - 0.3)  # what `turn` brings back
    columns["x"] = NEW["x"] - 0.2
    half = np.sqrt(0.5)
    w, k = NEW["rot_0"], NEW["rot_3"]
    columns |= {"rot_0": half * w, "rot_1": -half * w, "rot_2": half * k, "rot_3": half * k}
    away = GaussianCloud.from_columns(columns)
    settings: dict[str, Any] = {"threshold": 0.1, "m3c2": "own,0.1", "m3c2_depth": 0.3}
    there = gscli.compare(NEW, REFERENCE, **settings).m3c2
    back = gscli.compare(away, REFERENCE, transform=turn, **settings).m3c2
    assert there is not None
    assert back is not None
    assert back.mean == pytest.approx(there.mean, abs=1e-6)
    assert back.in_cylinder_target == pytest.approx(there.in_cylinder_target, rel=1e-3)


def test_what_has_no_normals_of_its_own_is_refused() -> None:
    with pytest.raises(InputError, match="neither normals nor Gaussians") as refused:
        gscli.compare(NEW.xyz, REFERENCE, m3c2=("own", 0.1))
    assert refused.value.path == "source"
    for scales in ("own", "own,1,2", "1,own", ("own", 0)):
        with pytest.raises(UsageError, match="m3c2"):
            gscli.compare("missing.ply", "missing.ply", m3c2=scales)
    balls = NEW.with_columns(scale_0=-2.5, scale_2=-2.5)
    result = gscli.compare(balls, REFERENCE, threshold=0.1, m3c2="own,0.1")
    assert any("900 core points without a normal: no normal of their own" in note for note in result.notes)
