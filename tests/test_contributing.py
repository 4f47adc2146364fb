"""What the documents for developers name is there."""

from __future__ import annotations

import re

import pytest

from .test_layers import FLOORS
from .update_docs import ROOT

NAMED = re.compile(r"`((?:gscli|tests|docs|examples|benchmarks|\.ci)/[^`\s]*|[\w.-]+\.(?:md|py|toml|yaml))`")
DOCUMENTS = ("CONTRIBUTING.md", "docs/design.md")


def named(text: str) -> list[str]:
    """The paths that a text has in backticks, less those with a NAME to fill in."""
    return [path for path in NAMED.findall(text) if "NAME" not in path]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_that_is_named_exists(name: str) -> None:
    paths = named((ROOT / name).read_text("utf-8"))
    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_paths_are_found_in_text() -> None:
    text = "`gscli/cloud.py`, `tests/cli/`; `gscli/formats/NAME.py`, `make test`, `CHANGELOG.md`, gscli/x.py"
    assert named(text) == ["gscli/cloud.py", "tests/cli/", "CHANGELOG.md"]


def test_every_target_of_make_is_explained() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert [target for target in targets if f"make {target}" not in text] == []


def test_every_kernel_is_run_sanitized() -> None:
    names = re.search(r"foreach name,([^,]*),tests/kernels/", (ROOT / "Makefile").read_text("utf-8"))
    assert names is not None
    tests = {path.stem: path.read_text("utf-8") for path in (ROOT / "tests" / "kernels").glob("test_*.py")}
    compiled = {name for name, text in tests.items() if re.search(r"mark\.compiled|\bkernels: str\b", text)}
    assert compiled - {f"test_{name}" for name in names[1].split()} == set()


def test_the_picture_of_the_house_has_its_floors() -> None:
    text = (ROOT / "docs/design.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d) \| ([^|]*) \|", text, re.MULTILINE)
    drawn = {int(number): set(re.findall(r"`gscli/(\w+)(?:/|\.py)`", rooms)) for number, rooms in rows}
    assert drawn == {number: set(rooms) for number, rooms in enumerate(FLOORS)}
