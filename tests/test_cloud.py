from __future__ import annotations

import mmap
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gscli import formats
from gscli.cloud import GaussianCloud, Header
from gscli.errors import InputError, UsageError
from gscli.kernels.structured import BLOCK_BYTES, release_pages, take_rows


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


@pytest.mark.parametrize("rows", [np.zeros((2, 3)), np.zeros(3), np.zeros((2, 2), [("x", "f4")]), None])
def test_rows_must_be_a_table(rows):
    with pytest.raises(UsageError, match="rows must be a one-dimensional structured array"):
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


@pytest.mark.parametrize("rows", [slice(2, 5), slice(None, None, -2), slice(5, 2), slice(-3, None)])
def test_a_slice_takes_what_it_takes_of_an_array(rows):
    cloud = points(7, label="u1")
    assert np.array_equal(cloud.take(rows).rows, cloud.rows[rows])
    assert cloud[rows] == cloud.take(rows)


def test_rows_may_be_chosen_by_a_list_or_a_tensor():
    torch = pytest.importorskip("torch")
    cloud = points(7)
    assert cloud[[1, 5]] == cloud[torch.tensor([1, 5])] == cloud[np.arange(7) % 4 == 1]
    assert len(cloud[[]]) == 0


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (np.ones(6, bool), r"the mask has shape \(6,\), and there are 7 rows"),
        ([0, 7], "there is no row 7 among 7"),
        ([-8], "there is no row -8 among 7"),
        ([0.5], r"by a slice, a mask or \(K,\) integers, not by float64"),
        (3, r"not by int64 of shape \(\)"),
    ],
)
def test_rows_that_are_not_there_are_refused(index, told):
    with pytest.raises(UsageError, match=told):
        points(7)[index]


@pytest.mark.parametrize(
    "index", [slice(2, None, -1), [-1, 0], np.array([True, False, True, False]), np.array([], int)]
)
@pytest.mark.parametrize("suffix", ["ply", "csv", "npy", "pcd"])
def test_what_is_written_of_a_cloud_is_what_is_taken_of_it(index, suffix, tmp_path):
    formats.write(tmp_path / f"all.{suffix}", points(4), index=index)
    formats.write(tmp_path / f"taken.{suffix}", points(4).take(index))
    assert (tmp_path / f"all.{suffix}").read_bytes() == (tmp_path / f"taken.{suffix}").read_bytes()


@pytest.mark.parametrize("index", [[4], [-5], [0.5], [True], "x", 1])
def test_rows_that_cannot_be_written_are_refused_before_anything_is(index, tmp_path):
    with pytest.raises(UsageError):
        formats.write(tmp_path / "some.ply", points(4), index=index)
    assert not list(tmp_path.iterdir())


def test_a_column_is_a_copy_of_its_stored_values_in_native_byte_order():
    cloud = points(7, label=">u2")
    label = cloud["label"]
    assert (label.dtype, label.tolist()) == (np.dtype("u2"), cloud.rows["label"].tolist())
    assert label.flags.c_contiguous
    label[:] = 9
    assert 9 not in cloud.rows["label"]


def test_a_misspelt_column_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"no lable column among x, y, z, label; did you mean label\?"):
        points(3, label="u1")["lable"]
    assert "label" in points(3, label="u1")
    assert "lable" not in points(3, label="u1")


def test_a_cloud_is_not_iterated_over():
    with pytest.raises(TypeError, match=r"cloud\.rows, or over cloud\.fields"):
        list(points(3))


def test_columns_are_replaced_in_place_and_type_and_added_behind():
    cloud = points(4, label="u1", y=">f8")
    changed = cloud.with_columns({"y": np.float32(0.5)}, label=[1, 2, 3, 4.0], new=np.arange(4, dtype="i2"))
    assert changed.rows.dtype == np.dtype(
        [("x", "<f4"), ("y", ">f8"), ("z", "<f4"), ("label", "u1"), ("new", "i2")]
    )
    assert changed["label"].tolist() == [1, 2, 3, 4]
    assert changed["y"].tolist() == [0.5] * 4
    assert changed["x"].tolist() == cloud["x"].tolist()
    assert changed.header.edited == {"y", "label", "new"}
    assert cloud == points(4, label="u1", y=">f8")


def test_numbers_are_rounded_to_the_floats_of_their_column():
    assert points(1).with_columns(x=0.1)["x"].tolist() == [np.float32(0.1)]
    assert np.isinf(points(1).with_columns(x=np.inf)["x"]).all()


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("label", [1, 300, 2], "column label is stored as uint8, which does not hold 300"),
        ("label", [1, 2, 0.5], "does not hold 0.5"),
        ("label", [1, -1, 0], "does not hold -1"),
        ("label", [1, np.nan, 0], "does not hold nan"),
        ("x", [0, 0, 1e300], "column x is stored as float32, which does not hold 1e.300"),
        ("x", ["a", "b", "c"], "column x is stored as float32, not <U1"),
        ("x", [1, 2], r"column x has shape \(2,\), and there are 3 rows"),
        ("new", [1, 2], r"column new has shape \(2,\), and there are 3 rows"),
    ],
)
def test_values_that_a_column_does_not_hold_are_refused(name, values, told):
    with pytest.raises(UsageError, match=told):
        points(3, label="u1").with_columns({name: values})


def test_a_cloud_is_made_of_columns_in_their_own_types():
    torch = pytest.importorskip("torch")
    cloud = GaussianCloud.from_columns(
        {"a b": [1, 2]}, x=np.zeros(2, "f4"), label=torch.zeros(2).bool(), w=0.5
    )
    assert [cloud.rows.dtype[name].kind for name in ("a b", "x", "label", "w")] == list("ifbf")
    assert cloud["w"].tolist() == [0.5, 0.5]
    with pytest.raises(UsageError, match="and there are 3 rows"):
        GaussianCloud.from_columns(x=[1, 2, 3], y=[1, 2])


def test_clouds_are_equal_when_rows_and_comments_are():
    cloud = points(STEP + 5, label="<i4")
    assert cloud == GaussianCloud(cloud.rows.copy(), Header("pcd", notes=("a note",)))
    assert cloud == GaussianCloud(cloud.rows.astype(cloud.rows.dtype.newbyteorder()))
    assert cloud != cloud.with_comment("one")
    assert cloud != cloud[1:]
    assert cloud != cloud.with_columns(label=np.arange(len(cloud)))
    assert cloud != GaussianCloud(cloud.rows[["y", "x", "z", "label"]])
    assert cloud != GaussianCloud.from_columns(
        {**{n: cloud[n] for n in "xyz"}, "label": cloud["label"].astype("i8")}
    )
    assert cloud != "a cloud"


def test_nan_equals_itself_and_zero_is_not_minus_zero():
    nan, zero = points(2).with_columns(x=np.nan), points(2).with_columns(x=0.0)
    assert nan == nan.take([0, 1])
    assert zero != zero.with_columns(x=-0.0)


def test_bytes_between_columns_make_no_difference():
    packed = points(3)
    kind = np.dtype({"names": ["x", "y", "z"], "formats": ["<f4"] * 3, "offsets": [4, 8, 20], "itemsize": 30})
    spread = np.frombuffer(bytes([255]) * 90, kind).copy()
    for name in "xyz":
        spread[name] = packed[name]
    assert GaussianCloud(spread) == packed


def test_a_cloud_has_no_hash():
    with pytest.raises(TypeError, match="unhashable"):
        hash(points(1))


def test_a_cloud_is_shown_in_one_line_and_as_a_table_of_its_columns():
    cloud = points(1234, label="u1", f_rest_0="f4", f_rest_1="f4").with_columns({"<b>": 1.0})
    assert repr(cloud) == "<GaussianCloud: 1,234 rows, 7 columns (ply)>"
    assert repr(cloud.header) == "<Header: format ply, comments 0, notes 0>"
    page = cloud._repr_html_()
    assert "<caption>GaussianCloud: 1,234 rows, 7 columns (ply)</caption>" in page
    assert re.findall("<th[^>]*>(.*?)</th>", page) == ["x", "y", "z", "label", "f_rest_0..1", "&lt;b&gt;"]


@pytest.mark.parametrize("odd", ["two\nlines", "carriage\rreturn", 3, None])
def test_a_comment_is_one_line_of_text(odd):
    with pytest.raises(UsageError, match="a comment is one line of text, not "):
        points(2).with_comment(odd)


def test_a_column_of_objects_is_refused_by_name():
    with pytest.raises(UsageError, match="column label is of Python objects"):
        points(2).with_columns(label=np.array([None, "a"], object))


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
