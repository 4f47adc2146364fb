"""Damaged files of every format: an error of one line or a cloud, never a crash, a hang or a flood.

A short part; ``python tests/fuzz.py`` makes as many mutations as are asked for.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from pathlib import Path

import pytest

from gscli import formats

pytest.importorskip("resource")
COUNT = 40


def test_damage_ends_in_one_line_or_a_cloud(tmp_path):
    for library in ("laspy", "pxr", "pye57", "zstandard", "PIL", "torch"):
        pytest.importorskip(library)
    root = Path(__file__).parents[2]
    command = [sys.executable, "tests/fuzz.py", "--mutations", "1000", "--keep", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert done.stdout.count("mutations, 0 faults") > len(formats.FORMATS.names())


@pytest.mark.parametrize(
    "name, shown",
    [("scene.ply", "a bug"), ("cache.npz", "no one warning")],
)
def test_a_fault_is_told(tmp_path, monkeypatch, name, shown):
    from tests import fuzz

    def broken(*_: object) -> None:
        if name == "scene.ply":
            raise ZeroDivisionError("a bug")

    path = tmp_path / name
    path.write_bytes(b"ply")
    monkeypatch.setattr(fuzz.formats, "read", broken)
    monkeypatch.setattr(fuzz.GridCache, "load", broken)
    found = fuzz.cache_fault(path) if name.startswith(fuzz.CACHE) else fuzz.fault(path)
    assert shown in found


def test_a_damaged_array_of_a_scene_folder_ends_in_one_line(tmp_path, make_scene):
    from gscli.errors import GscliError
    from tests.mutations import mutated

    formats.write(f"{tmp_path}/scene/", make_scene(20, 0, normals=False), allow_lossy=True)
    arrays = sorted((tmp_path / "scene").iterdir())
    for number in range(COUNT):
        victim = arrays[number % len(arrays)]
        whole = victim.read_bytes()
        victim.write_bytes(mutated(whole, random.Random(number)))
        with contextlib.suppress(GscliError):
            formats.read(tmp_path / "scene")
        victim.write_bytes(whole)
