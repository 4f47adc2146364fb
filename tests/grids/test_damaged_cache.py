"""Damaged entries of the cache: the grid that was stored, or a warning; never anything else.

The default is a short part; ``GSCLI_FUZZ=2000`` makes that many mutations of each kind.
"""

from __future__ import annotations

import io
import os
import random
import time
import warnings
import zipfile

import numpy as np
import pytest

from gscli.grids.cache import CacheWarning, GridCache
from gscli.grids.voxel_grid import VoxelGrid

resource = pytest.importorskip("resource")
from tests.formats.fuzz import BYTES, SECONDS, current_bytes, mutated  # noqa: E402

COUNT = int(os.environ.get("GSCLI_FUZZ", "150"))
SEED = int(os.environ.get("GSCLI_FUZZ_SEED", "0"))
KEY = "a" * 40
XYZ = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
WHOLE = VoxelGrid.from_points(XYZ, voxel_size=0.5)


def repacked(data: bytes, rng: random.Random) -> bytes:
    """The archive with one member changed, dropped, renamed or there twice, and right checksums."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        victim, kind = rng.choice(names), rng.randrange(6)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of two members of one name
            for name in names:
                body = old.read(name)
                if name != victim:
                    new.writestr(name, body)
                elif kind < 3:
                    packed = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
                    new.writestr(name, mutated(body, rng) or b"\0", packed)
                elif kind == 3:
                    new.writestr(rng.choice(names), body)
                elif kind == 4:
                    new.writestr(name, old.read(rng.choice(names)))
    return out.getvalue()


def rearranged(data: bytes, rng: random.Random) -> bytes:
    """A well-formed grid with a few of its numbers exchanged, under the seal of the original."""
    with np.load(io.BytesIO(data)) as old:
        members = {name: old[name] for name in old.files}
    array = members[rng.choice(["order", "offsets", "cells", "rows", "origin", "voxel_size"])]
    flat = array.reshape(-1)
    i, j = rng.randrange(flat.size), rng.randrange(flat.size)
    flat[[i, j]] = flat[[j, i]] if i != j and flat[i] != flat[j] else flat[i] + 1
    out = io.BytesIO()
    np.savez(out, **members)
    return out.getvalue()


@pytest.fixture
def bounded():
    """Memory beyond 500 MB is refused by the operating system."""
    old = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (current_bytes() + BYTES, old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, old)


@pytest.mark.parametrize("damage", [mutated, repacked, rearranged], ids=lambda damage: damage.__name__)
@pytest.mark.usefixtures("bounded")
def test_damage_ends_in_the_stored_grid_or_in_a_warning(tmp_path, damage):
    store = GridCache(tmp_path)
    store.store(KEY, WHOLE)
    whole = store.path(KEY).read_bytes()
    warned = 0
    for number in range(COUNT):
        data = damage(whole, random.Random(f"{damage.__name__} {SEED} {number}"))
        store.path(KEY).write_bytes(data)
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = store.load(KEY, len(XYZ))
        assert time.perf_counter() - start < SECONDS, number
        if found is not None:
            arrays = ((getattr(found, name), getattr(WHOLE, name)) for name in ("order", "offsets", "cells"))
            assert all(np.array_equal(a, b) for a, b in arrays), number
            assert (found.voxel_size, found.origin, found.rows) == (
                WHOLE.voxel_size,
                WHOLE.origin,
                WHOLE.rows,
            )
        else:
            assert [w.category for w in caught] == [CacheWarning], number
            assert "\n" not in str(caught[0].message), number
            assert not store.path(KEY).exists(), number
            warned += 1
    assert warned > COUNT // 2
