"""Spacing is that of distinct positions, and thresholds are counted in it."""

import numpy as np
import pytest

from gscli.comparing.spacing import SAMPLE, diagonal, median_spacing, parse_threshold, sampled
from gscli.errors import UsageError
from gscli.neighbors import kdtree


def spacing(xyz, **options):
    xyz = np.asarray(xyz, np.float64)
    return median_spacing(kdtree.Index(xyz), xyz, **options)


def test_the_spacing_of_a_lattice_is_its_step():
    axis = np.arange(8) * 0.25
    assert spacing(np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)) == 0.25


def test_duplicates_neither_make_it_zero_nor_count_twice():
    line = [[0, 0, 0], [1, 0, 0], [3, 0, 0], [6, 0, 0], [10, 0, 0]]  # nearest: 1 1 2 3 4
    assert spacing(line) == 2
    assert spacing(line + [[10, 0, 0]] * 50) == 2


def test_a_position_is_no_likelier_to_be_sampled_for_being_there_often():
    """A dense part whose every point is there 30 times: most rows, but an eighth of the positions."""
    rng = np.random.default_rng(0)
    dense, wide = rng.uniform(0, 1, (6000, 3)), rng.uniform(0, 1000, (42_000, 3))
    xyz = np.concatenate([np.repeat(dense, 30, 0), wide])
    expected = spacing(np.concatenate([dense, wide]))
    assert spacing(xyz) == expected > 5
    assert spacing(xyz[rng.permutation(len(xyz))]) == expected
    exact = kdtree.Index(xyz).spacing(np.concatenate([dense, wide]))
    assert expected == pytest.approx(np.median(exact), rel=0.02)


def test_every_position_is_sampled_equally_often():
    xyz = np.random.default_rng(0).normal(size=(SAMPLE + 5000, 3))
    drawn = [{tuple(p) for p in sampled(xyz, seed)} for seed in range(12)]
    assert {len(points) for points in drawn} == {SAMPLE}
    times = np.array([sum(tuple(p) in points for points in drawn) for p in xyz])
    share = SAMPLE / len(xyz)
    assert np.var(times) == pytest.approx(12 * share * (1 - share), rel=0.05)


def test_one_position_has_no_spacing():
    assert spacing([[1, 2, 3]]) is None
    assert spacing([[1, 2, 3]] * 9) is None


def test_a_sample_is_searched_in_the_whole_cloud():
    """Points in close pairs, one of each far from the other in the file: a thinned cloud would lose them."""
    rng = np.random.default_rng(0)
    ones = rng.uniform(0, 1000, (SAMPLE, 3))
    xyz = np.concatenate([ones, ones + np.array([1e-3, 0, 0]), rng.uniform(0, 1000, (10, 3))])
    assert spacing(xyz) == pytest.approx(1e-3, rel=1e-6)


def test_the_sample_depends_on_the_seed_alone():
    xyz = np.random.default_rng(0).normal(size=(2 * SAMPLE, 3))
    assert spacing(xyz, seed=1) != spacing(xyz, seed=2)
    assert spacing(xyz, seed=1) == spacing(xyz, seed=1)


@pytest.mark.parametrize(
    "text, value, counted",
    [
        ("0.05", 0.05, False),
        (3, 3.0, False),
        ("2spacing", 2.0, True),
        ("spacing", 1.0, True),
        ("1e-1 spacing", 0.1, True),
    ],
)
def test_a_threshold_is_in_scene_units_or_spacings(text, value, counted):
    threshold = parse_threshold(text)
    assert (threshold.value, threshold.in_spacings) == (value, counted)
    assert threshold.in_scene_units(10.0, "b") == value * (10 if counted else 1)


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "nan", "inf", "2spacings", "spacing2", "0spacing"])
def test_anything_else_is_no_threshold(text):
    with pytest.raises(UsageError, match="no positive number"):
        parse_threshold(text)


def test_spacings_of_a_single_position_cannot_be_counted():
    with pytest.raises(UsageError, match=r"b\.ply has no spacing: all its positions are equal"):
        parse_threshold("2spacing").in_scene_units(None, "b.ply")


@pytest.mark.parametrize("text, spacing", [("1e308spacing", 10.0), ("1e-300spacing", 1e-100)])
def test_spacings_beyond_what_a_number_holds_are_refused(text, spacing):
    with pytest.raises(UsageError, match=r"scene units, for the spacing of b\.ply"):
        parse_threshold(text).in_scene_units(spacing, "b.ply")


def test_the_diagonal_is_that_of_the_box():
    assert diagonal(np.array([[0, 0, 0], [1, 2, 2]], np.float32)) == 3
