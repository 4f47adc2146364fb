"""The page of a comparison stands alone, tells everything, and fits the window it is read in."""

import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import replace

import numpy as np
import pytest

from gscli.compare import compare
from gscli.kernels import colormap, raster
from gscli.report import histogram, html, png


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
    assert f"<dd>cloud{told}ylp.exe</dd>" in page


def test_files_of_one_name_are_told_apart_by_their_folders(result):
    folders = ("gs1/cloud.ply", "gs2/cloud.ply")
    inputs = [
        replace(part, path=path) for part, path in zip((result.source, result.target), folders, strict=True)
    ]
    page = html.page(replace(result, source=inputs[0], target=inputs[1]))
    assert "<h1>gs1/cloud.ply against gs2/cloud.ply</h1>" in page


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
    assert page.count('class="mark"') == 4


def test_every_point_is_in_the_histogram(page, result):
    counts = [int(n.replace(",", "")) for n in re.findall(r"<title>([\d,]+) points", page)]
    assert sum(counts) == 600 + 400


def test_one_floater_among_equal_points_is_seen(make_scene):
    a = make_scene(400)
    b = a.take(np.arange(400))
    b.rows["x"][7] += 100
    page = html.page(compare(b, a, threshold=1.0))
    ends = re.findall(r"<span>([\d.]+)(?: and more)?</span>", page)
    assert len(ends) == 5
    assert float(ends[-1]) > 1


@pytest.mark.parametrize("absurd", [1e9, 1e-300, 1e308])
def test_an_absurd_threshold_does_not_press_the_histogram_flat(make_scene, absurd):
    a, b = make_scene(600, seed=0), make_scene(500, seed=1)
    bars, marks, uprights = [], [], []
    for threshold in (1.0, absurd):
        page = html.page(compare(a, b, threshold=threshold))
        bars.append(re.findall(r"<title>[\d,]+ points (.*)</title>", page))
        marks.append(page.count('class="mark"'))
        uprights += [float(x) for x in re.findall(r'class="mark" x1="([-\d.]+)"', page)]
    assert bars[0] == bars[1]
    assert marks == [2, 0]
    assert all(0 <= x <= 820 for x in uprights)


def test_the_first_bar_of_a_histogram_says_that_it_holds_all_below():
    picture = histogram.svg([("a", np.array([1e-30, 1.0, 2.0]))], [], 2.0)
    assert "1 points above 0 and below" in picture


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


@pytest.fixture(scope="module")
def browser():
    found = next(
        (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
    )
    return found or pytest.skip("no Chromium to look at the page with")


def chromium(browser, folder, *args):
    """What Chromium prints, as a user without a past and without asking its makers for anything."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=3000"]
    flags += ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    flags += ["--disable-sync", "--disable-quic", f"--user-data-dir={folder / 'profile'}"]
    return subprocess.run([browser, *flags, *args], capture_output=True, timeout=120, check=True).stdout


@pytest.mark.parametrize("width", [1200, 600])
def test_nothing_sticks_out_in_a_browser(browser, page, tmp_path, width):
    measure = """<script>
    const wide = [...document.querySelectorAll('body *')].filter(e =>
      e.getBoundingClientRect().right > innerWidth + 1
      || (e.matches('.wrap, .card, section, dd') && e.scrollWidth > e.clientWidth + 1));
    document.title = 'measured ' + innerWidth + ': ' + wide.map(e => e.tagName + '.' + e.className).join(' ')
      + ' broken ' + [...document.images].filter(i => !i.naturalWidth).length;
    </script></body>"""
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", measure), encoding="utf-8")
    seen = chromium(browser, tmp_path, f"--window-size={width},2000", "--dump-dom", path.as_uri()).decode()
    assert f"<title>measured {width}:  broken 0</title>" in seen


def test_the_picture_in_a_browser_has_points_bars_and_text(browser, page, tmp_path):
    path, shot = tmp_path / "page.html", tmp_path / "page.png"
    path.write_text(page, encoding="utf-8")
    chromium(browser, tmp_path, "--window-size=1200,2400", f"--screenshot={shot}", path.as_uri())
    pixels = read_png(shot)
    for colour in (colormap.palette()[0], colormap.palette()[-1], (29, 39, 51)):
        assert (np.abs(pixels.astype(int) - np.array(colour, int)).max(axis=-1) <= 3).sum() > 200


def read_png(path):
    """(H, W, 3) uint8 of a picture."""
    image = pytest.importorskip("PIL.Image", reason="pillow reads the screenshot")
    with image.open(path) as opened:
        return np.asarray(opened.convert("RGB"))
