"""What is put on disk comes back, part by part and in order, and is gone afterwards."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from gscli.errors import GscliError
from gscli.grids.spilled import ascending
from gscli.scratch import CHUNK, Parts, Scratch, folder_for


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = [
        np.arange(5, dtype=np.int32),
        np.empty((0, 3)),
        np.random.default_rng(0).normal(size=(7, 3)),
        np.arange(12)[::2],
        np.array([(1, (2.0, 3.0))], [("row", "i4"), ("xy", "f4", (2,))]),
    ]
    with Scratch(tmp_path) as scratch:
        places = [scratch.put(array) for array in arrays]
        for array, place in reversed(list(zip(arrays, places, strict=True))):
            back = scratch.get(place)
            assert back.dtype == array.dtype
            assert back.shape == array.shape
            assert back.tobytes() == array.tobytes()
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [1, 2, 300])
def test_records_come_back_by_part_in_the_order_they_came(tmp_path, number):
    rng = np.random.default_rng(number)
    kind = np.dtype([("row", np.int32), ("xyz", np.float32, (3,))])
    records = np.zeros(5000, kind)
    records["row"] = np.arange(5000)
    records["xyz"] = rng.normal(size=(5000, 3))
    part = rng.integers(0, number, 5000) // 2 * 2  # odd parts stay empty
    with Parts(tmp_path, kind, number) as parts:
        for block in (slice(0, 1), slice(1, 4000), slice(4000, 5000)):
            parts.append(records[block], part[block])
        for i in range(number):
            mine = records[part == i]
            assert parts.sizes[i] == len(mine)
            assert parts.read(i).tobytes() == mine.tobytes()
            assert b"".join(block.tobytes() for block in parts.blocks(i)) == mine.tobytes()


def test_records_are_handled_a_few_at_a_time_however_they_came(tmp_path):
    records = np.arange(2 * CHUNK + 5)
    with Parts(tmp_path, records.dtype, 1) as parts:
        for block in np.array_split(records, 11):
            parts.append(block)
        lengths = [len(block) for block in parts.blocks(0)]
        assert lengths == [CHUNK, CHUNK, 5]
        assert (np.concatenate(list(parts.blocks(0))) == records).all()


@pytest.mark.parametrize("distinct", [1, 2, 40, 2**63])
@pytest.mark.parametrize("borders", [[], [5], [0, 2**62]])
def test_codes_are_ranged_in_ascending_arrays_of_a_bounded_size(tmp_path, distinct, borders):
    codes = np.random.default_rng(7).integers(0, distinct, 6000, np.uint64)
    codes[::3] = 17  # a crowd that no border can part
    blocks = iter([codes[:2500], codes[2500:]])
    ranges = list(ascending(blocks, np.array(borders, np.uint64), 100, tmp_path))
    assert max(map(len, ranges)) <= 100
    assert all(a.max() < b.min() for a, b in zip(ranges, ranges[1:], strict=False))
    assert set(np.concatenate(ranges).tolist()) == set(codes.tolist())


def test_temporary_data_go_beside_the_output(tmp_path):
    assert folder_for(tmp_path / "out.ply") == tmp_path
    assert folder_for(tmp_path / "not" / "yet" / "out.ply") == tmp_path
    (tmp_path / "real.ply").touch()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "link.ply").symlink_to(tmp_path / "real.ply")
    assert folder_for(tmp_path / "sub" / "link.ply") == tmp_path
    assert folder_for("-") is None
    assert folder_for("/dev/null") is None


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="needs /dev/fd")
def test_temporary_data_of_a_pipe_go_elsewhere(tmp_path):
    read, write = os.pipe()  # as >(command) of a shell is
    try:
        (tmp_path / "link.ply").symlink_to(f"/dev/fd/{write}")
        assert folder_for(f"/dev/fd/{write}") is None
        assert folder_for(tmp_path / "link.ply") is None
    finally:
        os.close(read)
        os.close(write)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(GscliError, match=r"gone: cannot keep temporary data there \(No such file") as error:
        Scratch(tmp_path / "gone")
    assert error.value.path == os.fspath(tmp_path / "gone")
    with Scratch(None) as scratch:
        assert scratch.folder == Path(tempfile.gettempdir())
