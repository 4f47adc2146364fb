"""Clouds of arrays, tensors and tables of named columns, by whatever library they come."""

import numpy as np
import pytest

from gscli import compare, formats
from gscli.cloud import GaussianCloud
from gscli.errors import UsageError
from gscli.in_memory import as_cloud


@pytest.mark.parametrize("kind", ["f4", ">f8", "f2", "i4"])
def test_a_plain_array_becomes_a_cloud_as_from_a_file(kind, tmp_path):
    array = np.arange(20).reshape(4, 5).astype(kind)
    cloud = as_cloud(array)
    assert cloud.fields == ("x", "y", "z", "column_3", "column_4")
    np.save(tmp_path / "points.npy", array)
    assert cloud == formats.read(tmp_path / "points.npy")
    formats.write(tmp_path / "again.npy", array)
    assert (tmp_path / "again.npy").read_bytes() == (tmp_path / "points.npy").read_bytes()


def test_clouds_tensors_and_structured_arrays_are_taken_too():
    torch = pytest.importorskip("torch")
    cloud = GaussianCloud.from_columns({name: np.arange(4, dtype="f4") for name in "xyz"})
    assert as_cloud(cloud) is cloud
    assert as_cloud(cloud.rows) == cloud
    assert as_cloud(torch.as_tensor(cloud.xyz)) == cloud
    assert as_cloud(torch.as_tensor(cloud.xyz).bfloat16()) == cloud  # small integers, which it holds


@pytest.mark.parametrize(
    "points", [np.zeros((3, 2)), np.zeros(3), np.zeros((3, 3), complex), "scene.ply", None]
)
def test_what_is_no_cloud_is_refused_in_one_line(points):
    with pytest.raises(
        UsageError,
        match=r"points must be a cloud or \(N, 3\) numbers, not (\w+ of shape \(3|'scene.ply'|None$)",
    ):
        as_cloud(points)


def test_an_array_is_written_in_any_format(tmp_path):
    xyz = np.random.default_rng(0).normal(size=(5, 3)).astype("f4")
    formats.write(tmp_path / "points.ply", xyz)
    assert np.array_equal(formats.read(tmp_path / "points.ply").xyz, xyz)


class Frame:
    """A table as data frames are: columns by name, whose rows NumPy sees as an array without names."""

    def __init__(self, **columns):
        self._columns = columns
        self.columns = list(columns)

    def keys(self):
        return self._columns.keys()

    def __bool__(self):
        raise ValueError("the truth value of a frame is ambiguous")

    def __getitem__(self, name):
        return self._columns[name]

    def __array__(self, dtype=None, copy=None):
        return np.column_stack(list(self._columns.values()))


@pytest.mark.parametrize("kind", [dict, Frame])
def test_columns_of_a_table_are_found_by_name_and_not_by_place(kind):
    table = kind(label=np.array([7, 8]), z=np.array([1.0, 2]), y=np.array([3.0, 4]), x=np.array([5.0, 6]))
    cloud = as_cloud(table)
    assert cloud.fields == ("label", "z", "y", "x")
    assert cloud.xyz.tolist() == [[5, 3, 1], [6, 4, 2]]
    assert GaussianCloud.from_columns(table) == cloud
    assert compare(table, cloud.xyz, threshold=1).centers.symmetric.hausdorff == 0


def test_a_frame_without_names_is_an_array():
    class Numbered:
        columns = range(3)

        def __getitem__(self, name):
            raise KeyError(name)

        def __array__(self, dtype=None, copy=None):
            return np.eye(3)

    assert as_cloud(Numbered()) == as_cloud(np.eye(3))


def test_masked_values_are_not_taken_for_values():
    array = np.ma.masked_array(np.eye(3), mask=np.eye(3) == 1)
    with pytest.raises(UsageError, match="some values of a masked array are masked"):
        as_cloud(array)
    assert as_cloud(np.ma.masked_array(np.eye(3))) == as_cloud(np.eye(3))
    rows = np.ma.zeros(4, [(name, "f4") for name in "xyz"])
    assert as_cloud(rows) == as_cloud(rows.data)
    rows.mask[1] = False, True, False
    with pytest.raises(UsageError, match="some values of a masked array are masked"):
        as_cloud(rows)
