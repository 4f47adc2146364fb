"""Pages as a browser has them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

MEASURE = """<script>
const wide = [...document.querySelectorAll('body *')].filter(e => !e.closest('.wrap > *')
  && (e.getBoundingClientRect().right > innerWidth + 1
  || (e.matches('.card, section, dd, h1, h3') && e.scrollWidth > e.clientWidth + 1)));
const narrow = document.querySelector('.histogram.narrow');
const shown = narrow && (getComputedStyle(narrow).display != 'none') != (innerWidth < 640);
const broken = [...document.images].filter(i => !i.naturalWidth).length;
const named = wide.map(e => ' ' + e.tagName + '.' + e.className).join('');
parent.postMessage('measured ' + innerWidth + ':' + named
  + (broken ? ' broken ' + broken : '')
  + (shown ? ' the wrong histogram' : '')
  + (document.documentElement.scrollWidth > innerWidth ? ' scrolls' : ''), '*');
</script></body>"""


@pytest.fixture(scope="session")
def browser() -> str:
    found = next(
        (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
    )
    return found or pytest.skip("no Chromium to look at the page with")


@pytest.fixture
def chromium(browser: str, tmp_path: Path) -> Callable[..., bytes]:
    """What Chromium prints, as a user without a past and without asking its makers for anything."""

    def run(*args: str) -> bytes:
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        flags += ["--virtual-time-budget=3000", "--no-first-run", "--disable-background-networking"]
        flags += ["--disable-component-update", "--disable-sync", "--disable-quic"]
        flags += [f"--user-data-dir={tmp_path / 'profile'}"]
        return subprocess.run([browser, *flags, *args], capture_output=True, timeout=120, check=True).stdout

    return run


@pytest.fixture
def sticking_out(chromium: Callable[..., bytes], tmp_path: Path) -> Callable[[str, int], str]:
    """What of a page is wider than a window, is broken, or is for another width; empty where all is well.

    Looked at in a frame: a window of Chromium is never as narrow as a telephone.
    """

    def look(page: str, width: int) -> str:
        (tmp_path / "page.html").write_text(page.replace("</body>", MEASURE), encoding="utf-8")
        frame = tmp_path / "frame.html"
        frame.write_text(
            "<script>onmessage = e => document.title = e.data</script>"
            f'<iframe src="page.html" style="border:0;width:{width}px;height:2000px"></iframe>'
        )
        seen = chromium("--window-size=1400,2000", "--dump-dom", frame.as_uri()).decode()
        told = re.search(rf"<title>measured {width}:([^<]*)</title>", seen)
        assert told is not None
        return told[1]

    return look
