"""Numbers as people read them."""

import re

import numpy as np
import pytest

import gscli
from gscli.report import compare, convert, info, resample
from gscli.report.numbers import fraction, interval, percent, size


@pytest.mark.parametrize("digits, most", [(0, "99%"), (1, "99.9%"), (2, "99.99%")])
def test_a_percentage_is_full_only_where_nothing_is_missing(digits, most):
    assert percent(1.0, digits) == f"{100:.{digits}f}%"
    assert percent(999_999 / 1_000_000, digits) == percent(1 - 1e-16, digits) == most
    assert percent(0.5, digits) == f"{50:.{digits}f}%"


def test_percentages_round_to_the_nearest_elsewhere():
    assert (percent(0.99994), percent(0.12346), percent(0.0)) == ("99.99%", "12.35%", "0.00%")


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (123_456_789, "123 MB"),
    ],
)
def test_sizes_have_the_unit_that_their_rounding_asks_for(count, told):
    assert size(count) == told


@pytest.mark.parametrize("digits, least", [(0, "<1%"), (1, "<0.1%"), (2, "<0.01%")])
def test_a_percentage_is_zero_only_where_there_is_nothing(digits, least):
    assert percent(0.0, digits) == f"{0:.{digits}f}%"
    assert percent(1e-9, digits) == least


def test_a_fraction_is_one_only_where_nothing_is_missing():
    assert (fraction(1.0, 6), fraction(0.9999999, 6), fraction(1 - 1e-16, 4)) == ("1", "0.999999", "0.9999")
    assert (fraction(0.0, 6), fraction(1e-9, 6), fraction(0.8674361, 6)) == ("0", "1e-09", "0.867436")


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (-2.5, 2.75, "-2.5 .. 2.75"),
        (512345.25, 512380.126, "512345.25 .. 512380.13"),
        (5412345.5, 5412345.75, "5412345.5 .. 5412345.75"),
        (4_000_000.5, 4_000_000.5, "4000000.5 .. 4000000.5"),
        (0.0, 0.0, "0 .. 0"),
        (-1.7e308, 1.7e308, "-1.7e+308 .. 1.7e+308"),
        (7.5e-12, 9.25e-10, "7.5e-12 .. 9.25e-10"),
    ],
)
def test_bounds_have_the_digits_that_tell_them_apart_however_far_from_the_origin(low, high, told):
    assert interval(low, high) == told


@pytest.mark.parametrize("count, told", [(1, "1 point"), (2, "2 points")])
def test_summaries_count_in_the_number_that_there_is(count, told, tmp_path):
    path = tmp_path / "few.ply"
    gscli.write(path, np.arange(3.0 * count).reshape(count, 3))
    said = [
        *info.summary(gscli.info(path)),
        *convert.summary(gscli.convert(path, tmp_path / "few.npy", allow_lossy=True)),
        *resample.summary(gscli.resample(path, tmp_path / "half.ply", method="dense", voxel_size=1)),
        *compare.summary(gscli.compare(path, path, threshold=1.0)),
    ]
    assert sum(told in line for line in said) == 6
    assert [line for line in said if re.search(r"\b1 (\w+ )?(points|Gaussians|pairs|answers)\b", line)] == []
