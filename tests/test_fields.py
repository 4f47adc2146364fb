from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gscli import fields


@pytest.mark.parametrize(("degree", "rest"), [(0, 0), (1, 9), (2, 24), (3, 45), (4, 72)])
def test_sh_degree_is_told_by_the_number_of_coefficients(degree, rest):
    assert len(fields.sh_rest(degree)) == rest
    names = ["x", *fields.SH_DC, *reversed(fields.sh_rest(degree)), "opacity"]
    assert fields.sh_degree(names) == degree


def test_no_degree_without_colour_or_with_a_count_that_fits_none():
    assert fields.sh_degree(["x", "y", "z"]) is None
    assert fields.sh_degree([*fields.sh_rest(1)]) is None
    assert fields.sh_degree([*fields.SH_DC, "f_rest_0"]) is None
    assert fields.sh_degree([*fields.SH_DC, "f_rest_x"]) == 0


def test_gaussians_need_opacity_rotation_and_two_scales():
    flat = ["x", "opacity", *fields.SCALE[:2], *fields.ROTATION]
    assert fields.is_gaussian(flat)
    assert fields.scale_names(flat) == ("scale_0", "scale_1")
    for missing in ("opacity", "scale_1", "rot_3"):
        assert not fields.is_gaussian([name for name in flat if name != missing])


def test_sigmoid_is_right_at_both_ends():
    got = fields.sigmoid(np.array([-np.inf, -1000.0, 0.0, 1000.0, np.inf], np.float32))
    assert got.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert np.isnan(fields.sigmoid(np.array(np.nan)))


@given(st.floats(-700, 30))
def test_sigmoid_agrees_with_its_definition(x):
    assert fields.sigmoid(np.array(x)) == pytest.approx(1 / (1 + math.exp(-x)), rel=1e-14)


@given(st.floats(-15, 15))
def test_logit_inverts_sigmoid(x):
    assert fields.logit(fields.sigmoid(np.array(x))) == pytest.approx(x, abs=1e-8)


def test_logit_of_certain_opacity_is_infinite():
    assert fields.logit(np.array([0.0, 1.0])).tolist() == [-np.inf, np.inf]


@given(st.floats(-10, 10))
def test_colour_round_trips_through_the_constant_coefficient(value):
    assert fields.rgb_from_dc(fields.dc_from_rgb(np.array(value))) == pytest.approx(value, abs=1e-12)


def test_the_sh_constant_is_that_of_the_first_harmonic():
    assert pytest.approx(1 / (2 * math.sqrt(math.pi)), rel=1e-15) == fields.SH_C0


def test_a_sphere_has_its_area_and_a_disc_counts_both_faces():
    radius = np.array([0.5, 2.0])
    assert fields.ellipsoid_area(np.stack([radius] * 3)) == pytest.approx(4 * math.pi * radius**2)
    disc = fields.ellipsoid_area(np.stack([radius] * 2))
    assert disc == pytest.approx(2 * math.pi * radius**2, rel=0.011)


def test_area_is_within_the_stated_bound_of_the_exact_spheroid():
    for a, c in [(1.0, 0.1), (1.0, 0.5), (1.0, 3.0), (1.0, 10.0)]:
        if c < a:  # oblate
            e = math.sqrt(1 - c * c / (a * a))
            exact = 2 * math.pi * a * a * (1 + (1 - e * e) / e * math.atanh(e))
        else:
            e = math.sqrt(1 - a * a / (c * c))
            exact = 2 * math.pi * a * a * (1 + c / (a * e) * math.asin(e))
        got = fields.ellipsoid_area(np.array([[a], [a], [c]]))[0]
        assert got == pytest.approx(exact, rel=0.01061)
