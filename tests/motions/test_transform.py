"""A pose moves positions, and turns Gaussians where it can."""

import json

import numpy as np
import pytest

from gscli.errors import InputError
from gscli.kernels.gaussians import _matrix
from gscli.motions import transform


def affine(linear, shift=(0, 0, 0)):
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, shift
    return transform.Transform(matrix)


def random_rotation(seed):
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.sign(np.linalg.det(q))


def test_positions_move_as_the_matrix_says():
    move = affine(random_rotation(0) * 2, (1, -2, 3))
    xyz = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    expected = (move.matrix @ np.vstack([xyz.T, np.ones(50)]))[:3].T
    np.testing.assert_allclose(move.apply(xyz), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("scale", [1.0, 0.01, 30.0])
def test_rotation_and_scale_are_recovered(scale):
    for seed in range(200):
        rotation = random_rotation(seed)
        found = affine(rotation * scale).similarity()
        assert found.scale == pytest.approx(scale)
        np.testing.assert_allclose(_matrix(found.rotation[:, None])[..., 0], rotation, atol=1e-12)


@pytest.mark.parametrize("diagonal", [(1, -1, -1), (-1, 1, -1), (-1, -1, 1), (1, 1, 1)])
def test_half_turns_have_a_quaternion(diagonal):
    found = affine(np.diag(diagonal)).similarity()
    np.testing.assert_allclose(_matrix(found.rotation[:, None])[..., 0], np.diag(diagonal), atol=1e-12)


def test_of_a_mirror_image_covariances_keep_what_they_can_see():
    mirror = np.diag([1.0, 1.0, -1.0]) @ random_rotation(5)
    found = affine(mirror).similarity()
    np.testing.assert_allclose(_matrix(found.rotation[:, None])[..., 0], -mirror, atol=1e-12)


def test_a_pose_printed_to_six_digits_still_counts_as_a_rotation():
    assert affine(np.round(random_rotation(2), 6)).similarity() is not None


@pytest.mark.parametrize(
    "linear", [np.diag([1, 1, 2]), np.zeros((3, 3)), np.array([[1, 0.1, 0], [0, 1, 0], [0, 0, 1]])]
)
def test_what_stretches_or_flattens_is_no_similarity(linear):
    assert affine(linear).similarity() is None


@pytest.mark.parametrize(
    "text, words",
    [
        ("{", "no JSON"),
        ("[[1,2],[3,4]]", "4x4"),
        ("[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,NaN]]", "finite"),
        ("[[1,0,0,0],[0,1,0,0],[0,0,1,0],[1,2,3,1]]", "last row"),
        ('[["a"]]', "no JSON"),
        ("[[1],[2,3]]", "no JSON"),
        ("[" * 100_000 + "]" * 100_000, "no JSON"),
        ("[[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0," + "9" * 400 + "]]", "finite"),
        ('[["1",0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]', "no JSON"),
        ("[[true,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]", "no JSON"),
        ("[" + "[]," * 2_000_000 + "[]]", "more than the 4,194,304 bytes"),
        ("7", "no JSON"),
        ("{}", "no JSON"),
    ],
)
def test_anything_else_in_the_file_is_refused(tmp_path, text, words):
    path = tmp_path / "pose.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as refused:
        transform.read(path)
    assert str(path) in str(refused.value)


def test_a_pose_is_read_back(tmp_path):
    path = tmp_path / "pose.json"
    path.write_text(json.dumps(affine(random_rotation(1), (1, 2, 3)).matrix.tolist()))
    assert (transform.read(path).matrix == affine(random_rotation(1), (1, 2, 3)).matrix).all()
