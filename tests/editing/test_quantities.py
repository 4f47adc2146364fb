"""What conditions ask of rows: as stored, or as Gaussians are in the scene."""

from __future__ import annotations

import numpy as np
import pytest

from gscli import fields
from gscli.cloud import GaussianCloud
from gscli.editing.expression import STORED
from gscli.editing.quantities import asked, of_rows
from gscli.errors import InputError, UsageError
from tests.drawn import cloud


def of(scene: GaussianCloud, *names: str) -> list[np.ndarray]:
    found = of_rows(scene.rows, asked(scene, names))
    return [found[name] for name in names]


def test_gaussians_are_told_in_units_of_the_scene() -> None:
    scene = cloud(50, 1)
    scales = np.exp(scene.columns(fields.SCALE).astype(float))
    opacity, middle, least, most, ratio, green = of(
        scene, "opacity", "scale_1", "scale_min", "scale_max", "anisotropy", "green"
    )
    np.testing.assert_allclose(opacity, fields.sigmoid(scene["opacity"]), rtol=1e-14)
    np.testing.assert_allclose(middle, scales[1], rtol=1e-14)
    np.testing.assert_allclose(least, scales.min(0), rtol=1e-14)
    np.testing.assert_allclose(most, scales.max(0), rtol=1e-14)
    np.testing.assert_allclose(ratio, scales.max(0) / scales.min(0), rtol=1e-13)
    np.testing.assert_allclose(green, fields.rgb_from_dc(scene["f_dc_1"]), rtol=1e-14)


def test_columns_are_there_as_they_are_stored() -> None:
    scene = cloud(20, 1, label=np.arange(20, dtype=np.int64), **{"a b": np.arange(20.0)})
    for name in ("x", "f_rest_3", "label", "rot_2", f"{STORED}opacity", f"{STORED}a b", f"{STORED}scale_0"):
        np.testing.assert_array_equal(*of(scene, name), scene[name.removeprefix(STORED)].astype(float))


def test_flat_splats_have_two_scales() -> None:
    scene = GaussianCloud.from_columns(
        {name: cloud(9)[name] for name in cloud(9).fields if name != "scale_2"}
    )
    most, both = of(scene, "scale_max", "anisotropy")
    np.testing.assert_allclose(most, np.exp(scene.columns(fields.SCALE[:2]).astype(float)).max(0), rtol=1e-14)
    assert (both >= 1).all()


def test_densities_are_those_after_their_softplus() -> None:
    made = {name: cloud(5)[name] for name in (*fields.POSITION, *fields.SCALE, *fields.ROTATION)}
    stored = np.array([-900, -3, 0, 2, 900], np.float32)
    (found,) = of(GaussianCloud.from_columns(made, density=stored), "density")
    np.testing.assert_allclose(found, np.logaddexp(0, stored.astype(float)), rtol=1e-13, atol=1e-16)


def test_of_points_alone_columns_of_the_same_names_mean_nothing_else() -> None:
    points = GaussianCloud.from_columns(x=[0.0], y=[0.0], z=[0.0], opacity=[3.0], scale_0=[4.0], red=[200])
    assert [values.tolist() for values in of(points, "opacity", "scale_0", "red")] == [[3.0], [4.0], [200.0]]


def test_ends_of_what_can_be_stored_have_a_meaning() -> None:
    ends = np.array([-np.inf, np.inf, np.nan], np.float32)
    scene = cloud(3, opacity=ends, scale_0=ends)
    opacity, scale = of(scene, "opacity", "scale_0")
    np.testing.assert_array_equal(opacity, [0, 1, np.nan])
    assert scale[0] == 0
    assert np.isnan(scale[2])


def test_what_is_not_there_is_named_with_what_is_meant() -> None:
    with pytest.raises(UsageError, match=r"asks for opacty.*did you mean opacity"):
        asked(cloud(1), ["opacty"])
    with pytest.raises(UsageError, match=r"asks for q.*there are x, y, z"):
        asked(cloud(1), [f"{STORED}q"])
    pairs = GaussianCloud.from_columns(x=[0.0], y=[0.0], z=[0.0], pair=np.zeros((1, 2)))
    with pytest.raises(InputError, match="pair does not hold one number"):
        asked(pairs, ["pair"])
