"""The page of a comparison stands alone, tells everything, and fits the window it is read in."""

import base64
import re
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest

from gscli.compare import compare
from gscli.errors import UsageError
from gscli.files import upwards
from gscli.kernels import colormap, raster
from gscli.report import histogram, html, png, style, views
from gscli.report.ran import Ran


@pytest.fixture(scope="module")
def result(make_scene):
    a = make_scene(600, seed=0)
    limits = ["source_to_target.at[0].fitness >= 0.5", "gaussians.w2.p95 <= 1e-9"]
    found = compare(a, a[:400], threshold=[0.05, "2spacing"], require=limits)
    names = ("dir/<new>&co.ply", "ref.ply")
    parts = [replace(part, path=name) for part, name in zip((found.source, found.target), names, strict=True)]
    return replace(found, source=parts[0], target=parts[1])


@pytest.fixture(scope="module")
def page(result):
    return html.page(result)


def test_it_needs_nothing_else(page):
    assert not re.findall(r"(?:src|href|url\()\s*=?\s*[\"']?(?!data:image/png;base64,)[a-z]+:", page)
    assert "<script" not in page
    assert "http" not in page


def test_names_are_text(page):
    assert "&lt;new&gt;&amp;co.ply" in page
    assert "<new>" not in page


@pytest.mark.parametrize(
    "mark", ["\x1b", "\n", "\x9b", *"\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"]
)
def test_no_name_steers_the_page(result, mark):
    name = f"cloud{mark}ylp.exe"
    source = replace(result.source, path=name)
    page = html.page(replace(result, source=source, notes=(f"of {name}",), options={"transform": name}))
    assert name not in page
    assert mark == "\n" or mark not in page
    told = mark.encode("unicode_escape").decode()
    assert f"<dt>note</dt><dd>of cloud{told}ylp.exe</dd>" in page
    assert f"<dd>transform cloud{told}ylp.exe</dd>" in page


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (("/a/gs1/cloud.ply", "/a/gs2/cloud.ply"), ("gs1/cloud.ply", "gs2/cloud.ply")),
        (("cloud.ply", "gs2/cloud.ply"), ("cloud.ply", "gs2/cloud.ply")),
        (("/a/cloud.ply", "/a/cloud.ply"), ("cloud.ply", "cloud.ply")),
        (("rooms/hall/", "rooms/yard/"), ("hall", "yard")),
        (("source", "target"), ("source", "target")),
    ],
)
def test_files_of_one_name_are_told_apart_by_their_folders(result, paths, names):
    inputs = [
        replace(part, path=path) for part, path in zip((result.source, result.target), paths, strict=True)
    ]
    page = html.page(replace(result, source=inputs[0], target=inputs[1]))
    assert f"<h1>{names[0]} <small>against</small> {names[1]}</h1>" in page


def test_it_shows_the_numbers_the_limits_and_what_they_do_not_say(page, result):
    for part in (
        "Chamfer",
        "Hausdorff",
        "F-score",
        "open3d",
        "Wasserstein-2",
        "1 of 2 missed",
        "What was run",
    ):
        assert part in page
    assert "do not judge appearance" in page
    assert f"threshold {result.centers.thresholds[1]:.4g}" in page
    assert page.count("<img") == 6
    assert page.count('class="mark"') == 8  # two thresholds, two directions, a wide and a narrow picture


def test_every_point_is_in_the_histogram(page, result):
    counts = [int(n.replace(",", "")) for n in re.findall(r"<title>([\d,]+) points?", page)]
    assert sum(counts) == 600 + 400


def test_one_floater_among_equal_points_is_seen(make_scene):
    a = make_scene(400)
    b = a.take(np.arange(400))
    b.rows["x"][7] += 100
    page = html.page(compare(b, a, threshold=1.0))
    ticks = dict(re.findall(r'<span class="(\w+)" style="left:[\d.]+%">(?:≥ )?([-+.e\d]+)</span>', page))
    assert (ticks["least"], ticks["threshold"]) == ("0", "1")
    assert float(ticks["top"]) >= 90
    warm = {colour.tobytes().hex() for colour in colormap.judging_palette()[colormap.CALM :]}
    bars = re.findall(r'height="([\d.]+)" fill="#(\w+)"><title>([\d,]+) point', page)
    assert [count for _, fill, count in bars if fill in warm] == ["1"]


def test_a_pair_that_matches_is_calm_all_over(make_scene):
    a = make_scene(500)
    moved = a.take(np.arange(500))
    moved.rows["x"] += 1e-3
    page = html.page(compare(moved, a, threshold=2e-3))
    warm = {colour.tobytes().hex() for colour in colormap.judging_palette()[colormap.CALM :]}
    assert not warm & set(re.findall(r'fill="#(\w+)"', page))
    assert all(levels_of(uri).max() < colormap.CALM for uri in re.findall(r'src="([^"]+)"', page))


def levels_of(uri):
    """The levels of the points in a picture of the page."""
    data = base64.b64decode(uri.partition(",")[2])
    width, height = struct.unpack(">II", data[16:24])
    start = data.index(b"IDAT")
    (size,) = struct.unpack(">I", data[start - 4 : start])
    lines = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + size]), np.uint8)
    levels = lines.reshape(height, width + 1)[:, 1:]
    return levels[levels != raster.EMPTY]


def test_its_icon_is_a_small_picture_of_both(page, result):
    (uri,) = re.findall(r'<link rel="icon" href="([^"]+)">', page)
    shown = levels_of(uri)
    assert len(shown) > 200
    scale = views.Scale.of(result)
    ends = [found.distances.max() for found in (result.evidence.forth, result.evidence.back)]
    assert shown.max() <= scale.levels(np.array(ends)).max()


@pytest.mark.parametrize("absurd", [1e9, 1e-300, 1e308])
def test_an_absurd_threshold_does_not_press_the_histogram_flat(make_scene, absurd):
    a, b = make_scene(600, seed=0), make_scene(500, seed=1)
    bars, marks, uprights = [], [], []
    for threshold in (1.0, absurd):
        page = html.page(compare(a, b, threshold=threshold))
        bars.append(re.findall(r"<title>[\d,]+ points? (.*)</title>", page))
        marks.append(page.count('class="mark"'))
        uprights += [float(x) for x in re.findall(r'class="mark" x1="([-\d.]+)"', page)]
    assert bars[0] == bars[1]
    assert marks == [4, 0]
    assert all(0 <= x <= 900 for x in uprights)
    assert not re.search(r"\b(?:nan|inf)\b|≥ -", re.sub('"data:[^"]*"', "", page))
    arrowed = f"threshold {absurd:.4g} →" if absurd > 1 else f"← threshold {absurd:.4g}"
    assert page.count(f">{arrowed}<") == 2


def texts_of(picture):
    """From where to where each text of an SVG reaches at most, its height, and what it says."""
    found = re.findall(r'<text class="\w+" x="([-\d.]+)" y="([-\d.]+)" text-anchor="(\w+)">([^<]*)<', picture)
    for x, y, anchor, told in found:
        width = histogram.CHARACTER * len(told)
        start = float(x) - {"start": 0, "middle": width / 2, "end": width}[anchor]
        yield start, start + width, float(y), told


def apart(picture):
    """Whether no text of an SVG sticks out or is written over another."""
    width = float(re.search(r'viewBox="0 0 (\d+)', picture)[1])
    texts = list(texts_of(picture))
    inside = all(start >= -1 and end <= width + 1 for start, end, *_ in texts)
    pairs = [(a, b) for i, a in enumerate(texts) for b in texts[:i] if abs(a[2] - b[2]) < 12]
    return inside and all(a[1] <= b[0] or b[1] <= a[0] for a, b in pairs)


@pytest.mark.parametrize("size", histogram.SIZES)
@pytest.mark.parametrize(
    "marks",
    [
        [0.5],
        [1.0, 1.001, 1.002, 1.003, 1.003],
        [1e-9, 1e9, 2e9, 1e-300, 1.0],
        [9.9, 9.99, 10.0, 0.0123456],
        [10 ** (i / 20 - 1) for i in range(41)],
    ],
)
def test_every_threshold_has_its_label_and_none_is_written_over_another(size, marks):
    values = np.geomspace(0.01, 10, 5000)
    labels = [(f"threshold {i}", mark) for i, mark in enumerate(marks)]
    (picture,) = histogram.svgs([values], labels, lambda d: ["#000000"] * len(d), size=size)
    assert apart(picture)
    told = [text for *_, text in texts_of(picture)]
    assert sorted(t.strip("← →") for t in told if "threshold" in t) == sorted(label for label, _ in labels)
    lines = [float(x) for x in re.findall(r'class="mark" x1="([-\d.]+)"', picture)]
    assert len(lines) == sum(0.003 < mark <= 10 for mark in marks)


@pytest.mark.parametrize("size", histogram.SIZES)
@pytest.mark.parametrize("most", [1, 1_000_000, 100_000_000])
def test_counts_are_written_in_full(monkeypatch, size, most):
    monkeypatch.setattr(
        raster, "log_histogram", lambda values, edges: (3, np.full(len(edges) - 1, most, np.int64))
    )
    (picture,) = histogram.svgs(
        [np.array([0.0, 1e-6, 5.0])],
        [("threshold 1.234e-05", 1.234e-5)],
        lambda d: ["#000000"] * len(d),
        size=size,
    )
    assert apart(picture)
    assert f">{most:,}<" in picture


def test_the_first_bar_of_a_histogram_says_that_it_holds_all_below():
    (picture,) = histogram.svgs([np.array([1e-30, 1.0, 2.0])], [], lambda d: ["#000000"] * len(d))
    assert "1 point above 0 and below" in picture


def test_distances_along_normals_are_all_in_their_histogram_and_the_significant_ones_are_warm():
    rng = np.random.default_rng(0)
    grids = [np.column_stack([rng.random((n, 2)), rng.normal(0, 0.01, n)]) for n in (900, 800)]
    grids[0][:450, 2] += np.where(grids[0][:450, 0] > 0.5, 0.2, 0)
    grids[0] = np.vstack([grids[0], [[9.0, 9, 9]]])  # it has no normal
    found = compare(*grids, threshold=0.1, m3c2=(0.2, 0.1), m3c2_depth=0.5)
    page = html.page(found)
    part = page[page.index("Distances along normals (M3C2)</h2>") :]
    for size in ("wide", "narrow"):
        (drawn, *_) = re.findall(rf'<svg[^>]*class="histogram {size}".*?</svg>', part, re.DOTALL)
        bars = re.findall(r'fill="#(\w+)"><title>([\d,]+) core points? [^<]*?(, significant)?</title>', drawn)
        assert sum(int(count.replace(",", "")) for _, count, _ in bars) == 900
        lit = [int(count) for _, count, significant in bars if significant]
        assert sum(lit) == found.m3c2.significant > 50
        assert len({colour for colour, _, significant in bars if significant}) == 1
        assert {bool(significant) for colour, _, significant in bars if colour == bars[0][0]} == {False}
        assert apart(drawn)
        assert f"± {found.m3c2.mean_lod:.4g}: mean level of detection" in drawn
        assert drawn.count('class="mark"') == 2
    assert "level of detection at 95 %" in part
    assert "along normals" not in html.page(compare(*grids, threshold=0.1))
    nothing = html.page(compare(grids[0], grids[1] + 50, threshold=0.1, m3c2=(0.2, 0.1)))
    assert "None of 901 core points has one." in nothing


@pytest.mark.parametrize("way", sorted(upwards.WAYS))
def test_what_is_up_is_up_in_views_and_nothing_is_mirrored(way):
    up = np.array(upwards.WAYS[way], float)
    front, side, above = views.sides(upwards.WAYS[way])
    assert (front.up == up).all()
    assert (side.up == up).all()
    towards = [np.cross(view.across, view.up) for view in (front, side, above)]
    assert (towards[2] == up).all()  # who looks from above has what is up nearer
    assert (towards[1] == front.across).all()  # the right side is what is to the right from the front
    assert (above.up == -towards[0]).all()  # what is behind, from the front, is farther up from above


def test_the_view_from_the_front_is_that_of_cameras_of_3dgs():
    front = views.sides((0, -1, 0))[0]
    assert (front.across == (1, 0, 0)).all()
    assert (np.cross(front.up, front.across) == (0, 0, 1)).all()  # looking along z


def test_a_tower_stands_upright_and_the_page_says_what_up_is(make_scene):
    scene = make_scene(2000)
    base = np.arange(2000) % 4 > 0
    scene.rows["y"] = np.where(base, scene["y"] % 3, -np.abs(scene["y"]) * 5)
    for part in "xz":
        scene.rows[part] *= np.where(base, 3, 0.1)
    found = compare(scene, scene)
    assert "Up is -y, as trained scenes usually have it; --up chooses another." in (page := html.page(found))
    assert "from the front: x to the right, -y up" in page
    assert "from above: x to the right, z up" in page
    assert "Up is y, as asked for." in html.page(found, up="y")
    points = compare(scene.xyz, scene.xyz)
    assert "Up is z, as point clouds usually have it" in html.page(points)
    assert "Up is -y" in html.page(compare(scene, scene.xyz))
    with pytest.raises(UsageError, match="is no direction"):
        html.page(found, up="north")
    heights = {up: first_picture_rows(html.page(found, up=up)) for up in ("-y", "y")}
    assert heights["-y"] > 280 > heights["y"]


def first_picture_rows(page):
    """The mean row, from the top, of the points in the first picture."""
    data = base64.b64decode(re.search(r'src="[^,]+,([^"]+)"', page)[1])
    start = data.index(b"IDAT")
    (size,) = struct.unpack(">I", data[start - 4 : start])
    lines = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + size]), np.uint8)
    return np.nonzero(lines.reshape(views.PIXELS, -1)[:, 1:] != raster.EMPTY)[0].mean()


def test_a_page_says_what_was_run_and_when_only_where_it_is_told(result, tmp_path, monkeypatch):
    assert "<dt>command" not in html.page(result)
    assert "<dt>date" not in html.page(result)
    assert html.page(result) == html.page(result)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    ran = Ran.now(["gscli", "compare", "a b.ply", "<c>.ply"])
    html.write(
        tmp_path / "p.html",
        replace(result, source=replace(result.source, bytes=1234)),
        overwrite=False,
        ran=ran,
    )
    page = (tmp_path / "p.html").read_text()
    assert "<dt>command</dt><dd>gscli compare &#x27;a b.ply&#x27; &#x27;&lt;c&gt;.ply&#x27;</dd>" in page
    assert "<dt>date</dt><dd>1970-01-02 00:00:00 UTC</dd>" in page
    assert re.search(r"600 points, spacing [\d.]+ \(\w+, 1,234 bytes\)", page)
    assert "seed 0" in page
    assert re.search(r"<dt>seconds</dt><dd>\d+\.\d\d \(", page)


@pytest.mark.parametrize("told", ["99999999999999999999", "soon", "-5", ""])
def test_a_date_that_is_none_ends_nothing(monkeypatch, told):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", told)
    rows = Ran.now().rows()
    assert rows == [] or rows[0][1] > "2026"


@pytest.mark.parametrize("colours", [style.LIGHT, style.DARK], ids=["light", "dark"])
def test_all_text_has_a_contrast_of_4_and_a_half_to_1(colours):
    def luminance(colour):
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05

    def contrast(ink, paper):
        return max(luminance(ink), luminance(paper)) / min(luminance(ink), luminance(paper))

    for ink in ("ink", "soft", "good", "bad", "link"):
        for paper in ("paper", "tint"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, (ink, paper)
    assert contrast(colours["ink"], colours["care"]) >= 4.5
    assert set(style.LIGHT) == set(style.DARK)
    assert set(re.findall(r"var\(--(\w+)\)", style.STYLE)) == set(colours)


def test_pictures_are_valid_png(page):
    levels = np.full((3, 5), raster.EMPTY, np.uint8)
    levels[1, 2] = 7
    data = png.encode(levels, colormap.palette(), raster.EMPTY)
    position, chunks = 8, {}
    while position < len(data):
        (size,) = struct.unpack(">I", data[position : position + 4])
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + size]
        (crc,) = struct.unpack(">I", data[position + 8 + size : position + 12 + size])
        assert crc == zlib.crc32(kind + body)
        chunks[kind] = body
        position += 12 + size
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (5, 3)
    lines = zlib.decompress(chunks[b"IDAT"])
    assert lines[6 + 1 + 2] == 7
    assert chunks[b"tRNS"][raster.EMPTY] == 0
    assert chunks[b"PLTE"][21:24] == colormap.palette()[7].tobytes()


@pytest.mark.parametrize("width", [1200, 600, 390])
@pytest.mark.parametrize("name", ["usual", "long"])
def test_nothing_sticks_out_in_a_browser(sticking_out, result, width, name):
    if name == "long":
        long = replace(result.source, path="/" + "a-long_folder.name" * 11 + "/<b>\x1b" + "x" * 200 + ".ply")
        result = replace(result, source=long)
    ran = Ran.now(["gscli", "compare", result.source.path, "b.ply"])
    assert sticking_out(html.page(result, ran=ran), width) == ""


def test_the_picture_in_a_browser_has_points_bars_and_text(chromium, page, tmp_path):
    path, shot = tmp_path / "page.html", tmp_path / "page.png"
    path.write_text(page, encoding="utf-8")
    chromium("--window-size=1200,2400", f"--screenshot={shot}", path.as_uri())
    pixels = read_png(shot)
    palette = colormap.judging_palette()
    for colour in (palette[0], palette[colormap.CALM + 30], (27, 36, 48)):
        assert (np.abs(pixels.astype(int) - np.array(colour, int)).max(axis=-1) <= 3).sum() > 200


def read_png(path):
    """(H, W, 3) uint8 of a picture."""
    image = pytest.importorskip("PIL.Image", reason="pillow reads the screenshot")
    with image.open(path) as opened:
        return np.asarray(opened.convert("RGB"))
