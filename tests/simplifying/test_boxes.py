"""Space cut in boxes: every row is in one, and few are in each."""

from __future__ import annotations

import numpy as np
import pytest

from gscli.simplifying import boxes


def places() -> np.ndarray:
    """A cloud of which a part lies in one place, and a part on a line."""
    found = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    found[100:200] = found[0]
    found[200:300, 1:] = 0
    return found


def test_boxes_hold_every_row_once() -> None:
    xyz = places()
    found = boxes.placed(boxes.cut(xyz, 10), xyz)
    assert sorted(np.concatenate(found).tolist()) == list(range(500))
    for rows in found:
        assert len(rows) <= 10 or (xyz[rows] == xyz[rows[0]]).all()


@pytest.mark.parametrize("most", [1, 10, 499, 500])
def test_no_box_has_more_rows_than_there_may_be(most: int) -> None:
    """Those of one place too."""
    xyz = places()
    found = boxes.rows_of(xyz, most)
    assert sorted(np.concatenate(found).tolist()) == list(range(500))
    assert max(map(len, found)) <= most
    assert all((np.diff(rows) > 0).all() for rows in found)


def test_boxes_are_equally_full() -> None:
    xyz = np.random.default_rng(1).normal(size=(1024, 3))
    assert [len(rows) for rows in boxes.rows_of(xyz, 130)] == [128] * 8
