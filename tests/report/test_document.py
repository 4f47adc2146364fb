"""What reports have in common."""

import pytest

from gscli.report.document import percent


@pytest.mark.parametrize("digits, most", [(0, "99%"), (1, "99.9%"), (2, "99.99%")])
def test_a_percentage_is_full_only_where_nothing_is_missing(digits, most):
    assert percent(1.0, digits) == f"{100:.{digits}f}%"
    assert percent(999_999 / 1_000_000, digits) == percent(1 - 1e-16, digits) == most
    assert percent(0.5, digits) == f"{50:.{digits}f}%"


def test_percentages_round_to_the_nearest_elsewhere():
    assert (percent(0.99994), percent(0.12346), percent(0.0)) == ("99.99%", "12.35%", "0.00%")
