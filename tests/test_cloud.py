from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gscli.cloud import BLOCK_BYTES, GaussianCloud, Header, release_pages, take_rows
from gscli.errors import InputError


def points(n: int, **types: str) -> GaussianCloud:
    types = {"x": "<f4", "y": "<f4", "z": "<f4", **types}
    rows = np.zeros(n, list(types.items()))
    for shift, name in enumerate(types):
        rows[name] = (np.arange(n) * 7 + shift) % 251
    return GaussianCloud(rows)


def test_positions_stay_float32_where_they_are_stored_so():
    cloud = points(10)
    assert cloud.xyz.shape == (10, 3)
    assert cloud.xyz.dtype == np.float32
    assert cloud.xyz.T.flags.c_contiguous  # (3, N) for free


@pytest.mark.parametrize("kind", [">f8", "<i4", "<u4", "<i8"])
def test_positions_that_float32_cannot_hold_come_as_float64(kind):
    cloud = points(4, x=kind)
    cloud.rows["x"][0] = 16_777_217  # the first integer that float32 skips
    assert cloud.xyz.dtype == np.float64
    assert cloud.xyz[0, 0] == 16_777_217


def test_stored_byte_order_does_not_change_values():
    big, little = points(5, x=">f4", y=">f4", z=">f4"), points(5)
    assert np.array_equal(big.xyz, little.xyz)
    assert big.xyz.dtype.isnative


def test_missing_columns_are_all_named():
    with pytest.raises(InputError, match="no opacity, scale_0 column among x, y, z"):
        points(3).columns(("opacity", "x", "scale_0"))


@pytest.mark.parametrize("kind", [("f4", (2,)), "U3", "V4"])
def test_a_column_of_no_numbers_is_refused_by_name(kind):
    rows = np.zeros(2, [("x", "f4"), ("y", "f4"), ("z", "f4"), ("odd", kind)])
    with pytest.raises(InputError, match="column odd"):
        GaussianCloud(rows).columns(("odd",))


@pytest.mark.parametrize("rows", [np.zeros((2, 3)), np.zeros(3), np.zeros((2, 2), [("x", "f4")])])
def test_rows_must_be_a_table(rows):
    with pytest.raises(TypeError):
        GaussianCloud(rows)


STEP = BLOCK_BYTES // 16


@pytest.mark.parametrize("n", [0, 1, STEP - 1, STEP, STEP + 1, 2 * STEP + 3])
def test_blocks_cover_every_row_once_in_order(n):
    cloud = points(n, label="<i4")
    assert cloud.rows.dtype.itemsize == 16
    starts = [start for start, _ in cloud.blocks()]
    parts = [block for _, block in cloud.blocks()]
    assert starts == list(range(0, n, STEP))
    assert np.array_equal(np.concatenate([cloud.rows[:0], *parts]), cloud.rows)


@pytest.mark.parametrize(
    "index", [[3, 1, 1, -1], np.array([], int), np.arange(7) % 2 == 0, np.array([6], np.uint32)]
)
def test_take_returns_the_named_rows_and_leaves_the_cloud_alone(index):
    cloud = GaussianCloud(points(7, label="u1").rows, Header("foo", ("a comment",)))
    before = cloud.rows.copy()
    taken = cloud.take(np.asarray(index))
    assert np.array_equal(taken.rows, before[index])
    assert taken.rows.dtype == cloud.rows.dtype
    assert taken.header == cloud.header
    taken.rows["x"] = -5
    assert np.array_equal(cloud.rows, before)


def test_rows_are_taken_byte_for_byte_even_where_padding_or_nan_hides_bits():
    raw = np.random.default_rng(0).integers(0, 256, 12 * 50, np.uint8)
    rows = raw.view(np.dtype({"names": ["x"], "formats": ["f4"], "offsets": [4], "itemsize": 12}))
    index = np.array([7, 0, 49])
    assert take_rows(rows, index).tobytes() == raw.reshape(50, 12)[index].tobytes()


def test_take_works_on_a_strided_view():
    rows = points(20).rows[::-3]
    assert np.array_equal(take_rows(rows, np.array([2, 0])), rows[[2, 0]])


def test_a_cloud_is_shown_in_one_line():
    assert repr(points(1234, label="u1")) == "<GaussianCloud: 1,234 rows, 4 columns (ply)>"


def test_a_comment_is_added_to_a_new_cloud():
    cloud = points(1)
    assert cloud.with_comment("one").with_comment("two").header.comments == ("one", "two")
    assert cloud.header.comments == ()


def mapped(path: Path, access: int) -> np.ndarray:
    with path.open("r+b") as stream:
        return np.frombuffer(mmap.mmap(stream.fileno(), 0, access=access), "<f4")


def test_released_pages_come_back_with_their_values(tmp_path):
    values = np.arange(50_000, dtype="<f4")
    path = tmp_path / "values"
    path.write_bytes(values.tobytes())
    array = mapped(path, mmap.ACCESS_READ)
    for part in (array, array[3:], array[5000:9000], array[::2], array[:0]):
        release_pages(part)
    assert np.array_equal(array, values)


def test_unsaved_changes_of_a_private_map_survive_a_release(tmp_path):
    path = tmp_path / "values"
    path.write_bytes(bytes(4 * 50_000))
    array = mapped(path, mmap.ACCESS_COPY)
    array[:] = 1
    array.setflags(write=False)
    release_pages(array)
    assert (array == 1).all()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_streaming_a_mapped_cloud_leaves_no_pages_behind(tmp_path):
    path = tmp_path / "rows"
    rows = 4_000_000  # 48 MB
    with path.open("wb") as stream:
        stream.truncate(12 * rows)
    script = """
import mmap, re, sys
from pathlib import Path
import numpy as np
from gscli.cloud import GaussianCloud
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
with open(sys.argv[1], "rb") as stream:
    mapping = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
cloud = GaussianCloud(np.frombuffer(mapping, [("x", "f4"), ("y", "f4"), ("z", "f4")]))
before = peak()
for _, block in cloud.blocks():
    assert not block["x"].any()
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, path],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert int(done.stdout) < 16_000  # kB
