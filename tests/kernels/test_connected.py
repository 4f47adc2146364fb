"""Cells that touch are of one group, and no others."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gscli.kernels.connected import connected

Array = npt.NDArray[Any]


def by_walking(cells: Array) -> list[int]:
    """The slow twin: from each cell to all that touch it."""
    number = {tuple(cell): row for row, cell in enumerate(cells.tolist())}
    group: dict[int, int] = {}
    for first in range(len(cells)):
        todo = [] if first in group else [first]
        while todo:
            row = todo.pop()
            if row in group:
                continue
            group[row] = first
            near = cells[row] + np.indices((3, 3, 3)).reshape(3, -1).T - 1
            todo += [number[cell] for cell in map(tuple, near.tolist()) if cell in number]
    return [group[row] for row in range(len(cells))]


def some(count: int, spread: int, seed: int) -> Array:
    return np.unique(np.random.default_rng(seed).integers(-spread, spread, (count, 3)), axis=0)


@pytest.mark.parametrize("count", [1, 2, 30, 400, 1500])
@pytest.mark.parametrize("spread", [3, 9, 30])
@pytest.mark.parametrize("seed", range(3))
def test_groups_are_those_that_a_walk_finds(count: int, spread: int, seed: int) -> None:
    cells = some(count, spread, seed)
    assert connected(cells).tolist() == by_walking(cells)


def test_a_long_thread_is_one_group() -> None:
    """Wound up, so that its cells are in no order along it."""
    at = np.arange(3000)
    thread = np.stack(
        [at % 60 * np.where(at // 60 % 2, -1, 1) + 60 * (at // 60 % 2), at // 60 * 2, at * 0], 1
    )
    joints = thread[60::60] - (0, 1, 0)
    cells = np.unique(np.concatenate([thread, joints]), axis=0)
    assert connected(cells).tolist() == by_walking(cells)


def test_cells_that_are_two_apart_do_not_touch_however_few_are_between() -> None:
    assert connected(np.array([[0, 0, 0], [0, 0, 2], [0, 2, 1], [2, 1, 1]])).tolist() == [0, 1, 2, 3]
    assert connected(np.array([[0, 0, 0], [1, 1, 1], [2, 0, 2]])).tolist() == [0, 0, 0]


def test_cells_may_be_as_far_apart_as_there_are_numbers() -> None:
    far = 2**53
    corners = np.array(
        [[-far, -far, -far], [-far, -far, 1 - far], [far - 1, far, 0], [far, far - 1, 1], [far, far, far]]
    )
    assert connected(corners).tolist() == [0, 0, 2, 2, 4]


def test_no_cells_have_no_groups() -> None:
    assert connected(np.empty((0, 3), np.int64)).tolist() == []
