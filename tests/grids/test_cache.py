"""Grids on disk: found again, bounded, never in the way."""

import multiprocessing
import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gscli.files import temporaries, writing
from gscli.grids import cache
from gscli.grids.cache import CacheWarning, GridCache
from gscli.grids.voxel_grid import VoxelGrid

A, B, C = "a" * 40, "b" * 40, "c" * 40  # keys
XYZ = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)


def grid(size=0.5):
    return VoxelGrid.from_points(XYZ, voxel_size=size)


def same(a, b):
    arrays = all(
        (getattr(a, n) == getattr(b, n)).all() and getattr(a, n).dtype == getattr(b, n).dtype
        for n in ("order", "offsets", "cells")
    )
    return arrays and (a.rows, a.voxel_size, a.origin, a.why) == (b.rows, b.voxel_size, b.origin, b.why)


def test_what_is_stored_comes_back(tmp_path):
    store = GridCache(tmp_path / "new" / "folder")
    assert store.load(A, len(XYZ)) is None
    store.store(A, grid())
    assert same(store.load(A, len(XYZ)), grid())


def test_two_scenes_of_equal_counts_do_not_collide():
    """A cache keyed by numbers of points and cells would mix these up."""
    other = XYZ.copy()
    other[17, 2] = np.nextafter(other[17, 2], np.float32(9))
    assert cache.key(XYZ.T) != cache.key(other.T)
    assert cache.key(XYZ.T, voxel_size=0.5) != cache.key(XYZ.T, voxel_size=0.25)
    assert cache.key(XYZ.T, origin="min") != cache.key(XYZ.T, origin=None)
    assert cache.key(XYZ.T) == cache.key(np.ascontiguousarray(XYZ.T))
    assert cache.key(XYZ.T) != cache.key(XYZ.T.astype(np.float64))
    assert cache.key(np.zeros((3, 4), np.float32)) != cache.key(np.zeros((3, 5), np.float32))


def test_a_digest_does_not_depend_on_threads(monkeypatch):
    xyz = np.random.default_rng(1).normal(size=(3, 500_000))
    monkeypatch.setenv("GSCLI_THREADS", "1")
    one = cache.key(xyz)
    monkeypatch.setenv("GSCLI_THREADS", "4")
    assert cache.key(xyz) == one


@pytest.mark.parametrize("damage", ["truncated", "flipped", "garbage", "empty", "a pickle"])
def test_a_damaged_entry_is_dropped_with_a_warning(tmp_path, damage):
    store = GridCache(tmp_path)
    store.store(A, grid())
    path = store.path(A)
    data = bytearray(path.read_bytes())
    if damage == "truncated":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        data[len(data) // 3] ^= 0x10
    elif damage == "garbage":
        data = bytearray(b"not a zip file at all")
    elif damage == "empty":
        data = bytearray()
    else:
        with path.open("wb") as stream:
            np.savez(stream, order=np.array([{}], object))
        data = bytearray(path.read_bytes())
    path.write_bytes(bytes(data))
    with pytest.warns(CacheWarning, match="damaged"):
        assert store.load(A, len(XYZ)) is None
    assert not path.exists()


def twice(grid):
    """The order of a grid with the first row of its first cell in its second cell too."""
    order = grid.order.copy()
    start, stop = grid.offsets[1:3]
    order[start] = order[0]
    order[start:stop].sort()
    return order


@pytest.mark.parametrize(
    "wrong",
    {
        "rows beyond the scene": lambda g: {"order": g.order + 1},
        "rows before its first": lambda g: {"order": g.order - 1},
        "rolled rows": lambda g: {"order": np.roll(g.order, 1)},
        "rows of another type": lambda g: {"order": g.order.astype(np.float64)},
        "fewer rows": lambda g: {"order": g.order[:-1]},
        "an empty cell": lambda g: {"offsets": np.sort(np.append(g.offsets, g.offsets[3]))[1:]},
        "no cell": lambda g: {"offsets": g.offsets[:0]},
        "fewer cells": lambda g: {"cells": g.cells[:-1]},
        "a row in two cells": lambda g: {"order": twice(g)},
        "swapped cells": lambda g: {"cells": g.cells[::-1]},
        "one cell twice": lambda g: {"cells": np.repeat(g.cells[:1], len(g), axis=0)},
        "flat cells": lambda g: {"cells": g.cells[:, 0]},
        "another scene": lambda g: {"rows": g.rows + 1},
    }.items(),
    ids=lambda pair: pair[0],
)
def test_an_intact_entry_that_is_no_grid_of_the_scene_is_dropped(tmp_path, wrong):
    store = GridCache(tmp_path)
    store.store(A, replace(grid(), **wrong[1](grid())))
    with pytest.warns(CacheWarning, match="damaged"):
        assert store.load(A, len(XYZ)) is None
    assert not store.path(A).exists()


@pytest.mark.parametrize("points", [0, 1, 2])
def test_small_grids_come_back(tmp_path, points):
    small = VoxelGrid.from_points(XYZ[:points], voxel_size=0.5)
    GridCache(tmp_path).store(A, small)
    assert same(GridCache(tmp_path).load(A, points), small)


def test_the_least_recently_used_go_first(tmp_path):
    store = GridCache(tmp_path)
    store.store(A, grid())
    size = store.path(A).stat().st_size
    store = GridCache(tmp_path, limit=size * 5 // 2)
    store.store(B, grid())
    for age, name in ((200, A), (100, B)):
        os.utime(store.path(name), (0, 1_000_000 - age))
    store.load(A, len(XYZ))  # used now: b is older
    store.store(C, grid())
    assert {p.stem for p, _ in store.entries()} == {A, C}


def test_a_grid_beyond_the_limit_is_not_kept(tmp_path):
    GridCache(tmp_path, limit=100).store(A, grid())
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_only_warns(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(CacheWarning, match="not cached: .*cannot be written.*; set GSCLI_CACHE_DIR"):
        GridCache(tmp_path / "file" / "cache").store(A, grid())


def test_without_a_home_there_is_no_cache_and_a_warning(monkeypatch):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "GSCLI_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)

    def unknown(_: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", classmethod(unknown))
    with pytest.warns(CacheWarning, match="grids are not cached: no home folder .*; set GSCLI_CACHE_DIR"):
        assert cache.of_user() is None
    monkeypatch.setenv("XDG_CACHE_HOME", "/there")
    assert cache.of_user() == GridCache(Path("/there/gscli"))


def test_clear_removes_entries_and_leftovers_and_nothing_else(tmp_path):
    store = GridCache(tmp_path)
    store.store(A, grid())
    process = multiprocessing.get_context("spawn").Process(target=_die_while_writing, args=(store.path(B),))
    process.start()
    process.join()
    mine = ["mine.txt", "lang_feat_grid_svd_r16.npz", f".scene.ply.00000000{temporaries.SUFFIX}"]
    for name in mine:
        (tmp_path / name).write_text("not gscli's cache's")
    assert len(list(tmp_path.iterdir())) == 5
    count, size = store.clear()
    assert count == 1
    assert size > 0
    assert {p.name for p in tmp_path.iterdir()} == set(mine)


def test_a_cache_that_cannot_be_read_only_warns(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = GridCache(tmp_path / "file")
    with pytest.warns(CacheWarning, match=r"cannot be read \(Not a directory\)"):
        assert store.load(A, len(XYZ)) is None
    assert store.clear() == (0, 0)


def test_an_entry_that_cannot_be_removed_is_not_counted(tmp_path):
    """A folder in its place stands for one that may not be removed."""
    store = GridCache(tmp_path)
    store.path(A).mkdir()
    with pytest.warns(CacheWarning, match="is no file"):
        assert store.load(A, len(XYZ)) is None
    store.store(B, grid())
    assert store.clear()[0] == 1
    assert store.path(A).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user")
def test_a_folder_of_another_user_is_not_trusted(tmp_path):
    GridCache(tmp_path).store(A, grid())
    os.chown(tmp_path, 65534, 65534)
    not_trusted(tmp_path, "belongs to another user")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_a_folder_that_others_may_write_to_is_not_trusted(tmp_path, mode):
    GridCache(tmp_path).store(A, grid())
    tmp_path.chmod(mode)
    not_trusted(tmp_path, "may be written to by other users")


def not_trusted(folder, reason):
    """Hold that a folder neither gives, takes nor loses a grid, and that one warning says so."""
    store = GridCache(folder)
    with pytest.warns(CacheWarning, match=f"{reason}: .*set GSCLI_CACHE_DIR"):
        assert store.load(A, len(XYZ)) is None
    store.store(B, grid())  # warnings are errors here
    assert [path.stem for path in folder.iterdir()] == [A]
    folder.chmod(0o700)
    os.chown(folder, os.geteuid(), os.getegid())


def test_a_new_folder_is_the_users_alone(tmp_path):
    old = os.umask(0)
    try:
        GridCache(tmp_path / "new").store(A, grid())
    finally:
        os.umask(old)
    assert same(GridCache(tmp_path / "new").load(A, len(XYZ)), grid())


def special(path, kind):
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "dangling link":
        path.symlink_to(path.with_name("nowhere"))
    else:
        path.with_name("precious").write_bytes(b"of someone else")
        path.symlink_to(path.with_name("precious"))


@pytest.mark.parametrize("kind", ["pipe", "device", "dangling link", "link"])
def test_a_special_file_is_not_opened_but_replaced(tmp_path, kind):
    store = GridCache(tmp_path)
    special(store.path(A), kind)
    with pytest.warns(CacheWarning, match="damaged.*is no file"):
        assert store.load(A, len(XYZ)) is None
    assert not os.path.lexists(store.path(A))
    special(store.path(B), kind)
    store.store(B, grid())
    assert not store.path(B).is_symlink()
    assert same(store.load(B, len(XYZ)), grid())
    assert not (tmp_path / "nowhere").exists()
    assert kind != "link" or (tmp_path / "precious").read_bytes() == b"of someone else"


def test_a_grid_under_the_name_of_another_is_not_served(tmp_path):
    store = GridCache(tmp_path)
    store.store(A, grid())
    store.path(A).rename(store.path(B))
    with pytest.warns(CacheWarning, match="not what was written under its name"):
        assert store.load(B, len(XYZ)) is None


def _die_while_writing(path):
    with writing.replacing(path, overwrite=True) as stream:
        stream.write(b"half a grid")
        os._exit(1)


def test_eviction_leaves_files_of_others_alone(tmp_path):
    (tmp_path / "mine.npz").write_bytes(b"x" * 1_000_000)
    os.utime(tmp_path / "mine.npz", (0, 0))
    GridCache(tmp_path, limit=200_000).store(A, grid())
    assert (tmp_path / "mine.npz").exists()


def _hammer(folder, count):
    warnings.simplefilter("error")
    store = GridCache(folder, limit=250_000)
    for i in range(count):
        size = (0.5, 0.6, 0.7, 0.8)[i % 4]
        name = str(i % 4) * 40
        store.store(name, grid(size))
        found = store.load(name, len(XYZ))
        assert found is None or same(found, grid(size))


def test_two_processes_share_a_folder(tmp_path):
    """Each stores, reads and evicts what the other is reading."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_hammer, args=(tmp_path, 40)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert not list(tmp_path.glob(f"*{temporaries.SUFFIX}"))
