"""Pairs are those that were asked for."""

import numpy as np
import pytest

from gscli.comparing import pairing
from gscli.errors import InputError, UsageError


@pytest.mark.parametrize("text", ["", "row", "index", "index:", "nearest:x", "rows:1"])
def test_an_unknown_pairing_is_refused(text):
    with pytest.raises(UsageError, match="none of nearest, rows, index:FILE"):
        pairing.parse(text)


def test_rows_need_as_many_on_both_sides():
    assert pairing.given_pairs(pairing.parse("rows"), 5, 5).partners is None
    with pytest.raises(UsageError, match=r"equally many rows, not 5 and 6"):
        pairing.given_pairs(pairing.parse("rows"), 5, 6)


@pytest.fixture
def index(tmp_path):
    def write(rows, name="rows.npy"):
        np.save(tmp_path / name, np.asarray(rows))
        return pairing.parse(f"index:{tmp_path / name}")

    return write


def test_the_thinned_cloud_is_the_one_with_as_many_rows_as_the_file(index):
    as_target = pairing.given_pairs(index([4, 1]), 5, 2)
    assert (as_target.streamed, as_target.partners.tolist()) == ("target", [4, 1])
    as_source = pairing.given_pairs(index([4, 1]), 2, 5)
    assert (as_source.streamed, as_source.partners.tolist()) == ("source", [4, 1])


def test_which_of_two_equally_long_clouds_was_thinned_is_not_guessed(index):
    with pytest.raises(UsageError, match="either cloud: both have 2; use pair='rows'"):
        pairing.given_pairs(index([1, 0]), 2, 2)


def test_an_index_that_fits_neither_cloud_is_refused(index):
    with pytest.raises(UsageError, match="neither cloud has"):
        pairing.given_pairs(index([0, 1, 2]), 5, 2)
    with pytest.raises(InputError, match="rows from 0 to 5 of a cloud that has 5"):
        pairing.given_pairs(index([0, 5]), 5, 2)
    with pytest.raises(InputError, match="rows from -1"):
        pairing.given_pairs(index([0, -1]), 5, 2)


def test_a_file_that_is_no_index_is_refused(index, tmp_path):
    for rows in ([[0, 1]], [0.5, 1.0]):
        with pytest.raises(InputError, match=r"no \.npy file of row numbers"):
            pairing.given_pairs(index(rows), 5, 2)
    (tmp_path / "text.npy").write_text("0 1")
    with pytest.raises(InputError, match=r"no \.npy file"):
        pairing.read_index(tmp_path / "text.npy")
    with pytest.raises(InputError, match="no such file"):
        pairing.read_index(tmp_path / "missing.npy")
