"""The page that is turned by dragging: whole, on its own, and telling without a script too."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gscli import view, write
from gscli.report import view as report
from tests.drawn import cloud

pytestmark = pytest.mark.compiled


class Tags(HTMLParser):
    """Tags with their attributes, and that they are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module", params=[1, 2])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str]:
    folder = tmp_path_factory.mktemp("scenes")
    paths = [folder / "a<b>&c.ply", folder / "ref.ply"][: request.param]
    for seed, path in enumerate(paths):
        write(path, cloud(150, seed=seed))
    return request.param, report.page(view(paths, turns=4, size=(40, 30)))


def test_it_is_whole_and_needs_nothing_else(page: tuple[int, str]) -> None:
    _, text = page
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert "http" not in text
    assert "a&lt;b&gt;&amp;c.ply" in text
    assert "a<b>" not in text


def test_it_holds_every_frame(page: tuple[int, str]) -> None:
    scenes, text = page
    (data,) = re.findall(r'<script type="application/json" id="frames">(.*?)</script>', text)
    told = json.loads(data)
    assert (told["turns"], told["rises"], told["width"], told["height"]) == (4, 2, 40, 30)
    assert [len(panel) for panel in told["frames"]] == [8] * (1 if scenes == 1 else 3)
    assert len(told["psnr"]) == (0 if scenes == 1 else 8)


def test_without_a_script_it_shows_the_scene_and_says_so(page: tuple[int, str]) -> None:
    scenes, text = page
    still = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    pictures = re.findall(r'<img src="data:image/webp;base64,[^"]+"[^>]* alt="([^"]+)"', still)
    assert len(pictures) == (1 if scenes == 1 else 3) + 4
    assert "<noscript>" in still
    assert "<button" in still
    assert "hidden" in still


def test_what_is_said_in_names_cannot_end_the_script(tmp_path: Path) -> None:
    path = tmp_path / "x.ply"
    write(path, cloud(20))
    found = view(path, turns=4, size=20)
    assert report.page(found).count("</script>") == 2
