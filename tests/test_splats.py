"""Which Gaussians of a cloud are drawn, and which scenes are refused."""

from __future__ import annotations

import numpy as np
import pytest

from gscli import fields
from gscli.cloud import GaussianCloud, Header
from gscli.errors import InputError
from gscli.splats import Splats
from tests.drawn import cloud


def without(scene: GaussianCloud, *names: str) -> GaussianCloud:
    return GaussianCloud.from_columns({name: scene[name] for name in scene.fields if name not in names})


def test_rows_of_floats_are_not_copied() -> None:
    scene = cloud(5, 3)
    found = Splats.of(scene)
    assert found.rows is scene.rows
    assert (found.degree, found.raw, found.antialiased, found.xray) == (3, True, False, False)


def test_a_file_tells_that_it_is_antialiased() -> None:
    assert Splats.of(cloud(5, comments=["SplatRenderMode: mip"])).antialiased


@pytest.mark.parametrize(
    ("scene", "told"),
    [
        (without(cloud(3), "opacity"), "points alone cannot be rendered"),
        (without(cloud(3), "rot_2"), "points alone cannot be rendered"),
        (without(cloud(3), "scale_2"), "flat splats of 2DGS"),
        (cloud(3, comments=["SplatRenderMode: 2dgs"]), "flat splats of 2DGS"),
        (cloud(3, comments=["use_student_t True"]), "Student's t"),
        (without(cloud(3, 1), "f_rest_8"), "harmonics of no degree"),
    ],
)
def test_what_is_drawn_by_other_rules_is_refused(scene: GaussianCloud, told: str) -> None:
    with pytest.raises(InputError, match=told) as refused:
        Splats.of(scene, "some.ply")
    assert str(refused.value).startswith("some.ply: ")


def test_densities_without_colours_are_seen_through() -> None:
    scene = cloud(4)
    density = np.array([-30.0, 0, 2, 80], np.float32)
    bare = without(scene, "opacity", *fields.SH_DC).with_columns({"density": density})
    found = Splats.of(bare)
    assert found.xray
    assert not found.raw
    np.testing.assert_allclose(found.rows["opacity"], np.log1p(np.exp(density.astype(np.float64))), rtol=1e-6)
    np.testing.assert_allclose(found.rows["scale_1"], np.exp(scene["scale_1"]), rtol=1e-6)


def test_opacities_stand_for_densities_where_a_scene_is_to_be_seen_through() -> None:
    scene = cloud(4)
    found = Splats.of(scene, xray=True)
    assert found.degree is None
    np.testing.assert_allclose(found.rows["opacity"], fields.sigmoid(scene["opacity"]), rtol=1e-6)


def test_positions_in_float64_stay() -> None:
    scene = cloud(3, x=np.array([7e8 + 0.125, 1, 2]))
    assert Splats.of(scene).rows["x"].tolist() == [7e8 + 0.125, 1, 2]
    assert isinstance(scene.header, Header)
