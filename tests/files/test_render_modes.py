"""How a scene is meant to be rendered: what tells it."""

from __future__ import annotations

import pytest

from gscli import GaussianCloud, info, write
from gscli.files import render_modes


@pytest.mark.parametrize(
    ("lines", "mode"),
    [
        ([], None),
        (["made by hand"], None),
        (["SplatRenderMode: mip"], "mip"),
        (["splatrendermode:2DGS "], "2dgs"),
        (["antialiased 1"], "mip"),
        (["antialiased 0"], None),
        (["SplatRenderMode: default", "SH degree: 3"], None),
        (["antialiased 1", "SplatRenderMode: default"], None),
        (["SplatRenderMode: default", "antialiased 1"], "mip"),
        (["SplatRenderMode: new"], None),
        (["not antialiased 1"], None),
        (["antialiased 10"], None),
    ],
)
def test_the_last_comment_about_it_counts(lines, mode):
    assert render_modes.told(lines) == mode


@pytest.mark.parametrize("mode", [render_modes.MIP, render_modes.FLAT])
def test_a_mode_is_told_by_its_own_line(mode):
    assert render_modes.tells(render_modes.comment(mode))
    assert render_modes.told([render_modes.comment(mode)]) == mode


def test_two_scales_are_flat_splats(scene):
    assert scene.render_mode is None
    flat = GaussianCloud(scene.rows[[name for name in scene.fields if name != "scale_2"]].copy())
    assert flat.render_mode == "2dgs"
    points = GaussianCloud(scene.rows[["x", "y", "z", "scale_0", "scale_1"]].copy())
    assert points.render_mode is None


def test_info_shows_it(tmp_path, scene):
    from gscli.report.info import summary

    write(tmp_path / "plain.ply", scene)
    write(tmp_path / "mip.ply", scene.with_comment("antialiased 1"))
    plain, marked = info(tmp_path / "plain.ply"), info(tmp_path / "mip.ply")
    assert marked.render_mode == marked.to_dict()["render_mode"] == "mip"
    assert "  render    antialiased, as mip-splatting does" in summary(marked)
    assert plain.render_mode is None
    assert not any("render" in line for line in summary(plain))
