"""A scene looks the same after every format that is written, or what it lost was named before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gscli import compare, fields, formats
from gscli.files import render_modes
from gscli.formats import FORMATS

# PSNR in dB, and the SH degree, where values are rounded; all others hold them.
ROUNDED = {
    "compressed_ply": (65.0, 1),
    "gltf": (150.0, 1),
    "las": (150.0, 1),
    "scenesplat": (40.0, 0),
    "sog": (50.0, 1),
    "splat": (40.0, 0),
    "spz": (50.0, 1),
    "usd": (150.0, 1),
}


@pytest.mark.compiled
@pytest.mark.parametrize("form", [form for form in FORMATS if form.writer], ids=lambda form: form.name)
def test_a_scene_looks_as_before_or_what_it_lost_was_named(form, tmp_path, make_scene):
    for library in {"las": ["laspy"], "sog": ["PIL"], "usd": ["pxr"]}.get(form.name, []):
        pytest.importorskip(library)
    made = make_scene(300, 1, normals=False)
    comments = (render_modes.comment(render_modes.MIP),)
    whole = replace(made, header=replace(made.header, comments=comments))
    path = f"{tmp_path}/scene{form.suffixes[0]}"
    formats.write(path, whole, allow_lossy=True)
    found = formats.read(path)
    named = " ".join(str(loss) for loss in form.writer.unsupported(whole))
    assert found.render_mode == render_modes.MIP or "render mode" in named or "comment" in named
    if not fields.is_gaussian(found.fields):
        assert "column" in named
        return
    alike = replace(found, header=replace(found.header, comments=comments))  # what is left of values
    said = compare(alike, whole, render=True, views=2, size=96).to_dict()
    least, degree = ROUNDED.get(form.name, (None, 1))
    assert fields.sh_degree(found.fields) == degree
    assert said["source_to_target"]["at"][0]["fitness"] == 1.0
    psnr = said["render"]["psnr"]["mean"]
    assert psnr is None or (least is not None and psnr >= least)
