"""Damaged files of every format: an error of one line or a cloud, never a crash, a hang or a flood.

The default is a short part; ``GSCLI_FUZZ=2000`` makes that many mutations of each file.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from gscli import formats
from tests.formats import samples

pytest.importorskip("resource")
COUNT = int(os.environ.get("GSCLI_FUZZ", "40"))
SEED = int(os.environ.get("GSCLI_FUZZ_SEED", "0"))
VARIANTS = {
    "checkpoint": ("zip", "legacy", "r2"),
    "ksplat": ("0", "1", "2"),
    "las": ("", "packed"),
    "npz": ("", "packed"),
    "pcd": ("", "packed", "text"),
    "pickle": ("", "text"),
    "ply": ("", "text"),
    "sog": ("1", "2"),
    "spz": ("", "zstd"),
}
FOLDERS = ("scenesplat",)  # has a test of its own
NAMES = [
    f"{name}-{variant}".rstrip("-")
    for name in formats.FORMATS.names()
    if name not in FOLDERS
    for variant in VARIANTS.get(name, ("",))
]
SLOW = ("las-packed",)  # starts a process for each file


@pytest.fixture(scope="module")
def files(tmp_path_factory, make_scene) -> dict[str, Path]:
    """A small file of each format and of each of its variants."""
    pytest.importorskip("laspy")
    pytest.importorskip("PIL")
    folder = tmp_path_factory.mktemp("samples")
    cloud = make_scene(60, 1, normals=False)
    made = samples.make(folder, cloud)
    made |= checkpoints(folder)
    import numpy as np

    np.savez_compressed(folder / "npz-packed.npz", xyz=cloud.xyz, label=np.arange(60))
    return made | {"npz-packed": folder / "npz-packed.npz"}


def checkpoints(folder: Path) -> dict[str, Path]:
    from tests.formats import trainers

    legacy = {"_use_new_zipfile_serialization": False}
    return {
        "checkpoint-zip": trainers.save(folder / "zip.pth", trainers.graphdeco(degree=1)),
        "checkpoint-legacy": trainers.save(folder / "legacy.pth", trainers.graphdeco(degree=1), **legacy),
        "checkpoint-r2": trainers.save(folder / "r2.pth", (trainers.r2_capture(), 1)),
        "pickle": trainers.save_pickle(folder / "point_cloud.pickle", trainers.r2_pickle()),
        "pickle-text": trainers.save_pickle(folder / "text.pickle", trainers.r2_pickle(), 0),
    }


@pytest.mark.parametrize("name", NAMES)
def test_damage_ends_in_one_line_or_a_cloud(files, name, tmp_path):
    sample = files[name]
    suffix = ".compressed.ply" if name == "compressed_ply" else sample.suffix
    root = Path(__file__).parents[2]
    command = [sys.executable, "-W", "error", "-m", "tests.formats.fuzz"]
    command += [
        str(sample),
        str(tmp_path / f"damaged{suffix}"),
        str(COUNT // 8 if name in SLOW else COUNT),
        str(SEED),
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


def test_a_damaged_array_of_a_scene_folder_ends_in_one_line(tmp_path, make_scene):
    from gscli.errors import GscliError
    from tests.formats.fuzz import mutated

    formats.write(f"{tmp_path}/scene/", make_scene(20, 0, normals=False), allow_lossy=True)
    arrays = sorted((tmp_path / "scene").iterdir())
    for number in range(COUNT):
        victim = arrays[number % len(arrays)]
        whole = victim.read_bytes()
        victim.write_bytes(mutated(whole, random.Random(number)) or b"\0")
        with contextlib.suppress(GscliError):
            formats.read(tmp_path / "scene")
        victim.write_bytes(whole)
