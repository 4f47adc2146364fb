"""The page of a scene stands alone, tells everything that there is of it, and takes nothing as markup."""

from __future__ import annotations

import io
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import gscli
from gscli import GaussianCloud, _core
from gscli.cloud import Header
from gscli.errors import UsageError
from gscli.info import Info, describe
from gscli.rendering import glance
from gscli.report import info_page
from gscli.report.ran import Ran

Make = Callable[..., GaussianCloud]
EVIL = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def hostile() -> Info:
    """Rows with every flaw, in columns with names and a header with comments that nobody should obey."""
    rng = np.random.default_rng(0)
    columns: dict[str, Any] = {name: rng.normal(size=400).astype("f4") for name in ("x", "y", "z")}
    columns |= {f"f_dc_{i}": rng.normal(size=400).astype("f4") for i in range(3)}
    columns |= {"opacity": rng.normal(size=400).astype("f4")}
    columns |= {f"scale_{i}": np.full(400, -3, "f4") for i in range(3)}
    columns |= {f"rot_{i}": rng.normal(size=400).astype("f4") for i in range(4)}
    columns |= {EVIL: np.arange(400), "none": np.full(400, np.nan), 'q"&': np.full(400, 7, "u1")}
    columns["x"][[5, 9]] = np.nan, np.inf
    columns["f_dc_1"][20:23] = np.inf
    for i in range(4):
        columns[f"rot_{i}"][30:34] = 0
    cloud = GaussianCloud.from_columns(columns)
    header = Header("ply", comments=(f"</style>{EVIL}", "up z", "y" * 700), notes=(f"note {EVIL}",))
    cloud = replace(cloud, header=header)
    return describe(cloud, path=f"dir/{EVIL}\x1b.ply", size=12_345, voxel_size=0.5, glance=True)


def images(page: str) -> list[npt.NDArray[np.uint8]]:
    """The pictures of a page, (H, W, 3)."""
    found = re.findall(r'<img src="data:image/webp;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(b64decode(data))).convert("RGB")) for data in found]


def test_it_needs_nothing_else_and_obeys_nothing(hostile: Info) -> None:
    page = info_page.page([hostile], ran=Ran.now(["gscli", "info", EVIL]))
    assert "<script" not in page
    assert "http" not in page
    assert "\x1b" not in page
    assert not re.findall(r"(?:src|href|url\()\s*=?\s*[\"']?(?!data:image/|#)[a-z]+:", page)
    escaped = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;"
    assert r"<title>script&gt;\x1b.ply · gscli info</title>" in page
    assert f"<dt>path</dt><dd>dir/{escaped}" in page
    assert f"<tr><td>{escaped}</td><td>int64</td>" in page
    assert f"<li>&lt;/style&gt;{escaped}</li>" in page
    assert f'<p class="caveat">note {escaped}</p>' in page
    assert "<dd>gscli info &#x27;" in page


def test_it_tells_every_number_and_every_flaw(hostile: Info) -> None:
    page = info_page.page([hostile])
    for said in (
        "400 Gaussians, SH degree 0 (ply, 12.3 kB)",
        "12,345 bytes",
        "2 with a position that is not finite, 3 with another value that is not, 4 without a rotation",
        "the first such position in row 5",
        "<td>position NaN or infinite</td><td>2</td><td>0.50%</td>",
        "<td>1 NaN, 1 infinite</td>",
        "<td>400 NaN</td>",
        "17: x (float32)",
        "as the 3DGS reference does",
        "Up is z, as the file says; --up chooses another.",
    ):
        assert said in page, said
    assert not re.search(r">\s*-?(?:nan|inf)\b", page)
    assert len(re.findall(r'<svg class="bars"', page)) == 16  # of each column but the one that is all NaN


def test_the_bars_of_cells_stand_for_every_cell(hostile: Info) -> None:
    page = info_page.page([hostile])
    assert hostile.cells is not None
    wide = page[page.index("histogram wide bars") :]
    counts = re.findall(r"<title>([\d,]+) cells? ", wide[: wide.index("</svg>")])
    assert sum(int(count.replace(",", "")) for count in counts) == hostile.cells.cells


def test_a_page_is_as_long_as_the_scene_is_described(make_scene: Make) -> None:
    page = info_page.page([describe(make_scene(50), glance=True)])
    assert "Cells" not in page
    assert "Comments of the file" not in page
    assert page == info_page.page([describe(make_scene(50), glance=True)])
    with pytest.raises(UsageError, match="add glance=True"):
        info_page.page([describe(make_scene(50), stats=True)])


def test_a_page_of_several_leads_to_each(make_scene: Make, hostile: Info) -> None:
    scenes = [describe(make_scene(n), path=f"s{n}.ply", glance=True) for n in (30, 0)]
    page = info_page.page([*scenes, hostile])
    links = re.findall(r'<a href="#([^"]+)">', page)
    assert links == re.findall(r'<h1 id="([^"]+)">', page) == ["scene-1", "scene-2", "scene-3"]
    states = re.findall(r'<td><span class="(\w+)">([^<]+)</span>', page)
    assert states == [("passed", "no flaws"), ("MISSED", "empty"), ("MISSED", "flawed")]
    assert page.count("What was run") == 1


@pytest.mark.parametrize(
    ("xyz", "said"),
    [
        (np.zeros((0, 3)), "No picture: it has no position that a camera could look at."),
        (np.full((4, 3), np.nan), "No picture: it has no position that a camera could look at."),
        (np.full((1, 3), 7.0), "Points on black."),
        (np.diag([1e40, 1, 1]), "No picture: it has positions of "),
        (np.diag([1e308, 1, 1]), "too far apart to be looked at."),
    ],
    ids=["none", "NaN", "one", "far", "farther"],
)
def test_whatever_there_is_to_see_there_is_a_page(xyz: Any, said: str) -> None:
    page = info_page.page(
        [describe(GaussianCloud.from_columns(x=xyz[:, 0], y=xyz[:, 1], z=xyz[:, 2]), glance=True)]
    )
    assert said in page
    assert bool(images(page)) == ("Points" in said)


def test_gaussians_are_drawn_and_points_where_they_cannot_be(
    make_scene: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(300)
    if not _core.trouble():
        drawn = describe(scene, glance=True)
        assert drawn.glance is not None
        assert (drawn.glance.drawn, drawn.glance.why) == ("Gaussians", "")
        assert [image.shape for image in images(info_page.page([drawn]))] == [(576, 576, 3)] * 3
    trouble = SimpleNamespace(what="were not built", remedy="install a C compiler")
    monkeypatch.setattr(_core, "trouble", lambda: trouble)
    without = info_page.page([describe(scene, glance=True)])
    assert "Points on black; as Gaussians it cannot be drawn: the core rasterizer&#x27;s compiled" in without
    assert len(images(without)) == 3
    flat = gscli.GaussianCloud.from_columns({n: scene[n] for n in scene.fields if n != "scale_2"})
    assert "it cannot be drawn: holds flat splats of 2DGS" in info_page.page([describe(flat, glance=True)])


def test_points_have_their_colours_and_the_nearest_is_seen() -> None:
    near_first = np.linspace(-1, 1, 41)
    grid = np.stack(np.meshgrid(near_first, near_first, near_first), -1).reshape(-1, 3)
    rgb = np.where(grid[:, [2]] > 0.99, (0, 255, 0), (255, 0, 0)).astype("u1")  # a lid, seen from above
    names = dict(zip(("x", "y", "z", "red", "green", "blue"), [*grid.T, *rgb.T], strict=True))
    page = info_page.page([describe(GaussianCloud.from_columns(names), up="z", glance=True)])
    for image in images(page):
        red, green = image[..., 0], image[..., 1]
        lid = (green > 150) & (red < 100)
        assert 3_000 < lid.sum() < (red > 150).sum()
        rows = [np.nonzero(mask)[0].mean() for mask in (lid, red > 150)]
        assert rows[0] < rows[1]
    below = info_page.page([describe(GaussianCloud.from_columns(names), up="-z", glance=True)])
    assert "Up is -z, as asked for" in below
    assert ((images(below)[0][..., 1] > 150).sum()) < 3_000


@pytest.mark.parametrize(("kind", "full"), [("u1", 255), ("u2", 65_535), ("u2", 255), ("f4", 1)])
def test_colours_are_told_by_their_type_and_range(kind: str, full: float) -> None:
    xyz = np.random.default_rng(0).uniform(size=(500, 3))
    columns: dict[str, Any] = dict(zip("xyz", xyz.T, strict=True))
    columns |= {name: np.full(500, full, kind) for name in ("red", "green", "blue")}
    (image, *_) = images(info_page.page([describe(GaussianCloud.from_columns(columns), glance=True)]))
    assert image.max() > 240


def test_of_more_than_can_be_drawn_one_in_so_many_is(
    make_scene: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make_scene(600)
    monkeypatch.setattr(glance, "MOST", 250)
    found = describe(scene, glance=True)
    assert found.glance is not None
    assert found.glance.every == 3
    assert "on black, one in 3" in info_page.page([found])
    monkeypatch.setattr(glance, "MOST", 600)
    whole = describe(scene, glance=True).glance
    assert whole is not None
    assert whole.every == 1
    assert found.glance.pictures != whole.pictures
    assert found.glance.columns == whole.columns


def test_a_direction_without_pictures_is_refused(make_scene: Make) -> None:
    with pytest.raises(UsageError, match="up has no effect where no page is written"):
        describe(make_scene(5), up="z")
    with pytest.raises(UsageError, match="is no direction"):
        describe(make_scene(5), up="north", glance=True)


@pytest.mark.parametrize("width", [1200, 600, 390])
def test_nothing_sticks_out_in_a_browser(
    sticking_out: Callable[[str, int], str], hostile: Info, make_scene: Make, width: int
) -> None:
    wide = {f"a_very_long_name_of_a_feature_{i}" * 3: np.zeros(9) for i in range(200)}
    long = GaussianCloud.from_columns({"x": np.zeros(9), "y": np.zeros(9), "z": np.zeros(9), **wide})
    other = describe(long, path="b" * 300 + ".ply", glance=True)
    page = info_page.page([hostile, other], ran=Ran.now(["gscli", "info", "c" * 400]))
    assert sticking_out(page, width) == ""
