from __future__ import annotations

import glob
import os
import time
from pathlib import Path

import pytest

from gscli.batch.globs import matches


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders in folders, hidden ones, and links to others."""
    for name in ("a/x", "a/b/x", "a/b/c/y", "a/.hidden/x", "a/.x", "d/x", "x", "e/a/b/x", "e/dot.d/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "link").symlink_to("../d")
    (tmp_path / "itself").symlink_to("itself")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    [
        *("**/x", "a/**/x", "./a/**/*", "**/*", "**/**/x", "*/**/x", "**/b/**/*", "a/**/b/*", "**/link/*"),
        *("a/**/", "**/a/", "a/x/**/*", "none/**/x", "a/../a/**/x", "**b/*", "?", "a/**/.*", "**/dot.?/x"),
    ],
)
def test_where_nothing_leads_in_circles_globs_are_as_everywhere(tree: Path, pattern: str) -> None:
    assert sorted(matches(pattern, ".")) == sorted(set(glob.glob(pattern, recursive=True)))
    absolute = os.path.join(tree, pattern)
    assert sorted(matches(absolute, "/")) == sorted(set(glob.glob(absolute, recursive=True)))
    elsewhere = glob.glob(pattern, recursive=True, root_dir="a")
    assert sorted(matches(pattern, "a")) == sorted(set(elsewhere))


def test_links_to_a_folder_above_are_not_followed(tree: Path) -> None:
    before = matches("**/x", ".")
    for name in ("a/up", "a/b/up", "again", "e/a/up"):
        (tree / name).symlink_to(tree)
    assert matches("**/x", ".") == before
    assert "a/b/up/x" in matches("a/**/x", ".")  # which is not below a
    assert not [match for match in matches("a/**/x", ".") if "up/a" in match]


def test_what_ends_in_two_stars_matches_all_below(tree: Path) -> None:
    assert matches("d/**", ".") == ["d/x"]


def test_many_stars_in_a_row_are_one(tree: Path) -> None:
    """Each would look through every folder below each of those that the one before it found."""
    deep = tree / "/".join("d" * 60)
    deep.mkdir(parents=True)
    (deep / "x").touch()
    start = time.perf_counter()
    assert matches("/".join(["**"] * 12 + ["x"]), ".") == matches("**/x", ".")
    assert time.perf_counter() - start < 2
