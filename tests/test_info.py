"""What `gscli.info` counts as wrong with a scene."""

from __future__ import annotations

import numpy as np
import pytest

import gscli
from gscli.errors import UsageError
from gscli.info import describe
from gscli.report.info import _short, summary


@pytest.fixture
def flawed(make_scene):
    """Ten each: no opacity, no scale, an infinite scale, no rotation, half a colour, no position."""
    scene = make_scene(300, 1)
    rows = scene.rows
    rows["opacity"][:10] = np.nan
    rows["scale_1"][10:20] = np.nan
    rows["scale_2"][20:30] = np.inf
    for name in ("rot_0", "rot_1", "rot_2", "rot_3"):
        rows[name][30:40] = 0
    rows["f_rest_3"][40:50] = -np.inf
    rows["x"][50:60] = np.nan
    rows["opacity"][55:80] = np.nan
    rows["opacity"][100:110] = np.inf  # wholly solid, or not there at all
    rows["scale_0"][110:120] = -np.inf  # flat
    return scene


def test_gaussians_that_no_renderer_can_draw_are_counted(flawed, tmp_path):
    gscli.write(tmp_path / "x.ply", flawed)
    found = gscli.info(tmp_path / "x.ply")
    assert (found.invalid, found.not_finite, found.unrotated) == (10, 60, 10)
    assert found.to_dict()["invalid"] == {
        "points": 10,
        "first_row": 50,
        "not_finite": 60,
        "unrotated": 10,
    }
    assert (
        "  flawed    60 Gaussians with a value that is not finite, 10 Gaussians without a rotation"
        in summary(found)
    )


def test_a_scene_without_flaws_says_nothing_of_them(make_scene):
    found = describe(make_scene(50, 0))
    assert (found.not_finite, found.unrotated) == (0, 0)
    assert not any("flawed" in line for line in summary(found))


def test_points_are_no_gaussians_and_have_no_flaws_of_theirs(tmp_path):
    gscli.write(tmp_path / "x.npy", np.zeros((5, 3)))
    found = gscli.info(tmp_path / "x.npy")
    assert (found.not_finite, found.unrotated) == (None, None)
    assert not any("flawed" in line for line in summary(found))


def test_the_values_of_every_column_are_told_as_stored(make_scene, tmp_path):
    scene = make_scene(300, 0).with_columns(label=np.arange(300, dtype=np.uint16))
    scene.rows["f_dc_0"][:3] = np.nan, np.inf, -np.inf
    gscli.write(tmp_path / "x.ply", scene)
    found = gscli.info(tmp_path / "x.ply", stats=True)
    assert found.distributions is not None
    assert [name for name, _ in found.distributions] == list(scene.fields)
    told = found.to_dict()["distributions"]
    assert (told["f_dc_0"]["count"], told["f_dc_0"]["nan"], told["f_dc_0"]["infinite"]) == (297, 1, 2)
    assert (told["label"]["min"], told["label"]["max"], told["label"]["quantiles"]["50"]) == (0, 299, 149.5)
    assert told["z"]["mean"] == pytest.approx(float(scene["z"].mean(dtype=np.float64)))
    lines = summary(found)
    (line,) = [line for line in lines if line.startswith("  f_dc_0 ")]
    assert line.endswith("  1 NaN  2 infinite")
    (line,) = [line for line in lines if line.startswith("  label ")]
    assert line.split()[1:8] == ["0", "2.99", "150", "296", "299", "150", "86.6"]
    assert line.endswith(" @%%%%%%%%%%%%%%@")
    assert not any("median" in line and "column" in line for line in summary(gscli.info(tmp_path / "x.ply")))


def test_a_column_that_is_nowhere_finite_has_no_numbers(make_scene):
    scene = make_scene(4, 0)
    scene.rows["opacity"] = np.nan
    found = describe(scene, stats=True)
    (line,) = [line for line in summary(found) if line.startswith("  opacity ")]
    assert line.split() == ["opacity", *["-"] * 7, "4", "NaN"]


def test_columns_that_hold_no_single_number_are_left_out():
    rows = np.zeros(3, [("x", "f4"), ("y", "f4"), ("z", "f4"), ("features", "f4", 8)])
    found = describe(gscli.GaussianCloud(rows), stats=True)
    assert [name for name, _ in found.distributions or ()] == ["x", "y", "z"]


def test_how_many_points_lie_in_a_cell_is_counted(tmp_path):
    corners = np.repeat([[0.5, 0.5, 0.5], [1.5, 0.5, 0.5], [np.nan, 0, 0]], [3, 1, 2], axis=0)
    gscli.write(tmp_path / "x.npy", corners)
    found = gscli.info(tmp_path / "x.npy", voxel_size=1)
    told = found.to_dict()["cells"]
    assert (told["cells"], told["voxel_size"], told["points_per_cell"]["mean"]) == (2, 1, 2)
    assert "  cells     2 occupied, 1 wide: 2 points each, median 2, 90 % in 1.1 .. 2.9" in summary(found)
    assert gscli.info(tmp_path / "x.npy").to_dict()["cells"] is None


@pytest.mark.parametrize("size", [0, -1, float("nan"), "wide"])
def test_cells_need_a_size(tmp_path, size):
    gscli.write(tmp_path / "x.npy", np.zeros((5, 3)))
    with pytest.raises(UsageError, match="voxel_size"):
        gscli.info(tmp_path / "x.npy", voxel_size=size)


def test_nothing_occupies_no_cell(tmp_path):
    gscli.write(tmp_path / "x.npy", np.zeros((0, 3)))
    found = gscli.info(tmp_path / "x.npy", voxel_size=1, stats=True)
    assert "  cells     none occupied" in summary(found)


def test_gaussians_too_faint_to_be_drawn_are_counted(make_scene):
    scene = make_scene(50, 0)
    scene.rows["opacity"] = 0
    scene.rows["opacity"][:7] = -6
    found = describe(scene)
    assert found.invisible == found.to_dict()["invisible"] == 7
    assert "  unseen    7 of opacity below 1/255, which nothing draws" in summary(found)


def test_what_is_said_of_trained_gaussians_fits_in_80_columns(make_scene):
    scene = make_scene(2_000, 3)
    rng = np.random.default_rng(0)
    for exponents in (0, 1), (-4, 4), (-6, 6):
        for name in scene.rows.dtype.names:
            scene.rows[name] = -(10.0 ** rng.uniform(*exponents, 2_000))
        lines = summary(describe(scene, stats=True))
        table = lines[lines.index("") + 1 :]
        assert len(table) == 1 + len(scene.rows.dtype.names)
        assert max(map(len, table)) <= 80


@pytest.mark.parametrize(
    ("value", "wide", "told"),
    [
        *((-0.0008685, 9, "-0.000869"), (-0.0008685, 7, "-8.7e-4"), (-0.0008685, 6, "-9e-4")),
        *((-0.00391, 9, "-0.00391"), (-0.00391, 7, "-0.0039"), (-0.00391, 6, "-0.004")),
        *((512345.6, 6, "5.12e5"), (-512345.6, 6, "-5.1e5"), (-0.103, 6, "-0.103"), (0.0, 6, "0")),
        *((-5.12e-15, 6, "-5e-15"), (-5.12e-100, 6, "-5e-100"), (float("-inf"), 6, "-inf")),
    ],
)
def test_a_number_of_the_table_is_short(value, wide, told):
    assert _short(value, wide) == told
