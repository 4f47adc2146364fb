"""Bytes of columns and columns of bytes, value for value, whatever lies between the columns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gscli.kernels.quantising import look_up, quantise

pytestmark = pytest.mark.usefixtures("kernels")

KINDS = {
    "floats": [("a", "<f4"), ("b", "<f4"), ("c", "<f4")],
    "odd places": [("a", "<f4"), ("label", "u1"), ("b", "<f4"), ("x", "u1", 6), ("c", "<f4")],
    "other types": [("a", "<f4"), ("b", "<f8"), ("c", "<i2")],
    "other byte order": [("a", ">f4"), ("b", ">f4"), ("c", ">f4")],
}


@pytest.fixture(params=KINDS)
def rows(request):
    made = np.zeros(1000, KINDS[request.param])
    rng = np.random.default_rng(0)
    for name in "abc":
        made[name] = rng.normal(size=1000) * 60
    return made


def test_bytes_are_the_nearest_of_halves_the_even_one_and_clipped(rows):
    rows["a"][:8] = -1e30, -0.5, -0.25, 0.25, 1.25, 127.25, 127.75, 3e38
    numbers = [[-2.0, 0.5, 1.0], [0.15, 0.5, 255.0], [2.0, 0.0, 1.0]]
    found, clean = quantise(rows, ["b", "c", "a"], numbers)
    assert clean
    assert found[:8, 2].tolist() == [0, 0, 0, 0, 2, 254, 255, 255]
    for place, name in enumerate("bca"):
        a, b, c = numbers[place]
        expected = [min(255, max(0, round((float(value) * a + b) * c))) for value in rows[name]]
        assert found[:, place].tolist() == expected


def test_bytes_are_rounded_down_where_that_is_asked_for(rows):
    rows["a"][:6] = -1, 0.25, 0.75, 1, 254.75, 3e38
    found, clean = quantise(rows, ["a", "b"], (1.0, 0.0, 1.0), down=True)
    assert clean
    for place, name in enumerate("ab"):
        assert found[:, place].tolist() == [min(255, max(0, math.floor(value))) for value in rows[name]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_told(rows, value):
    rows["a"][501] = value
    assert not quantise(rows, ["c", "a"], (1.0, 0.0, 1.0))[1]
    assert quantise(rows, ["c", "b"], (1.0, 0.0, 1.0))[1]
    assert quantise(rows[:501], ["a"], (1.0, 0.0, 1.0))[1]


def test_a_value_beyond_float32_is_told():
    rows = np.zeros(1000, KINDS["other types"])
    assert quantise(rows, ["b"], (1.0, 0.0, 1.0))[1]
    rows["b"][3] = -1e39
    assert not quantise(rows, ["b"], (1.0, 0.0, 1.0))[1]


@pytest.mark.parametrize("step", [1, 2])
def test_columns_become_what_their_bytes_stand_for(rows, step):
    rng = np.random.default_rng(1)
    wide = rng.integers(0, 256, (1000, 5), np.uint8)
    tables = np.rint(rng.normal(size=(2, 256)) * 90)
    before, out = rows.copy(), rows.copy()[::step]
    look_up(out, ["c", "a"], tables, wide[: len(out), 2:4])
    look_up(out, ["b"], tables[0], wide[: len(out), 4:])
    np.testing.assert_array_equal(out["c"], tables[0][wide[: len(out), 2]])
    np.testing.assert_array_equal(out["a"], tables[1][wide[: len(out), 3]])
    np.testing.assert_array_equal(out["b"], tables[0][wide[: len(out), 4]])
    for name in set(out.dtype.names) - set("abc"):
        assert out[name].tobytes() == before[name][::step].tobytes()
    look_up(out[:0], ["b"], tables[0], wide[:0, 4:])


@pytest.mark.parametrize(("shape", "table"), [((999, 2), (256,)), ((1000, 3), (256,)), ((1000, 2), (3, 256))])
def test_bytes_of_another_shape_than_their_columns_are_refused(rows, shape, table):
    with pytest.raises(ValueError, match="of 1000 rows, 2 columns"):
        look_up(rows, ["a", "b"], np.zeros(table), np.zeros(shape, np.uint8))
