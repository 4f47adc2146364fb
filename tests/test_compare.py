"""What may be compared with what; the numbers are tested in tests/comparing."""

from __future__ import annotations

import numpy as np
import pytest

from gscli import formats
from gscli.compare import compare
from gscli.errors import InputError, UsageError

XYZ = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)


def same_numbers(one, other):
    parts = ("source_to_target", "target_to_source", "symmetric", "conventions")
    return all(getattr(one.centers, part) == getattr(other.centers, part) for part in parts)


def test_files_clouds_arrays_and_tensors_give_the_same_numbers(tmp_path):
    torch = pytest.importorskip("torch")
    a, b = XYZ, XYZ[::2] + 0.01
    paths = (tmp_path / "a.ply", tmp_path / "b.npy")
    for path, array in zip(paths, (a, b), strict=True):
        formats.write(path, array)
    expected = compare(*paths)
    for pair in (
        (a, b),
        map(torch.as_tensor, (a, b)),
        map(formats.read, paths),
        (paths[0], b),
        (a, paths[1]),
    ):
        assert same_numbers(compare(*pair), expected)


def test_what_is_in_memory_is_called_by_its_part(tmp_path):
    formats.write(tmp_path / "a.ply", XYZ)
    found = compare(tmp_path / "a.ply", XYZ)
    assert (found.source.path, found.target.path) == (str(tmp_path / "a.ply"), "target")
    assert (found.source.format, found.target.format) == ("ply", "npy")
    assert repr(compare(XYZ, XYZ)).startswith("<Compared: source source, target target, Chamfer 0, ")
    with pytest.raises(InputError, match=r"^source: 1 of 200 points has a NaN"):
        compare(np.where(np.arange(200)[:, None] == 3, np.nan, XYZ), XYZ)


def test_a_matrix_moves_the_source_as_its_file_does(tmp_path):
    pose = np.eye(4)
    pose[0, 3] = 0.5
    (tmp_path / "pose.json").write_text(str(pose.tolist()))
    found = compare(XYZ, XYZ + np.float32([0.5, 0, 0]), transform=pose)
    assert found.centers.symmetric.hausdorff < 1e-6
    assert same_numbers(found, compare(XYZ, XYZ + np.float32([0.5, 0, 0]), transform=tmp_path / "pose.json"))
    for transform in (np.eye(3), 3, ["of", "text"]):
        with pytest.raises(UsageError, match=r"^transform is no 4x4 matrix of finite numbers"):
            compare(XYZ, XYZ, transform=transform)


def test_an_array_is_no_pickle():
    with pytest.raises(UsageError, match="trust_pickle has no effect on clouds in memory"):
        compare(XYZ, XYZ, trust_pickle=True)


def test_what_is_neither_file_nor_points_is_refused():
    with pytest.raises(UsageError, match=r"^source must be a path, a cloud or \(N, 3\) numbers, not None"):
        compare(None, XYZ)


@pytest.mark.parametrize(
    ("threshold", "found"),
    [
        (0.3, (0.3,)),
        (np.float32(0.5), (0.5,)),
        ("0.3", (0.3,)),
        ((0.3, "0.5"), (0.3, 0.5)),
        (np.array([0.3, 0.5]), (0.3, 0.5)),
    ],
)
def test_a_threshold_is_one_or_several(threshold, found):
    compared = compare(XYZ, XYZ + 0.01, threshold=threshold)
    assert compared.centers.thresholds == found
    assert len(compared.options["threshold"]) == len(found)


def test_without_a_threshold_it_is_two_spacings():
    found = compare(XYZ, XYZ + 0.01)
    assert found.centers.thresholds == (2 * found.target.spacing,)
    assert found.options["threshold"] is None


@pytest.mark.parametrize("threshold", ["near", 0, [0.1, -1.0]])
def test_a_threshold_is_a_positive_number_or_counts_spacings(threshold):
    with pytest.raises(
        UsageError, match=r"^threshold .* is no positive number; write 0.05 in scene units, or"
    ):
        compare(XYZ, XYZ, threshold=threshold)
