"""Which rows become one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from gscli import _core
from gscli.kernels import merging, morton
from gscli.neighbors import knn
from gscli.simplifying import boxes, hierarchy
from gscli.simplifying.gaussians import Gaussians
from tests.drawn import cloud


@pytest.mark.compiled
def test_compiled_or_not_the_same_rows_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of rows too, whose neighbours are looked for anew."""
    given = cloud(60, 1)[np.repeat(np.arange(60), 8)]
    gaussians = Gaussians.of(given, "scene")
    found = hierarchy.hierarchy(gaussians, gaussians.mass, 25).roots(25)
    assert len(set(found.tolist())) == 25
    monkeypatch.setattr(_core, "available", lambda: False)
    again = hierarchy.hierarchy(gaussians, gaussians.mass, 25).roots(25)
    np.testing.assert_array_equal(again, found)


@pytest.mark.usefixtures("kernels")
def test_one_hierarchy_is_cut_where_another_would_have_ended() -> None:
    """Beyond the first lists of neighbours too: each row's nearest are its own copies."""
    given = cloud(40, 1)[np.repeat(np.arange(40), 8)]
    gaussians = Gaussians.of(given, "scene")
    whole = hierarchy.hierarchy(gaussians, gaussians.mass, 1)
    assert whole.merges.shape == (319, 2)
    for left in (320, 319, 200, 40, 39, 7, 1):
        found = whole.roots(left)
        assert len(set(found.tolist())) == left
        assert (found[found] == found).all()
        alone = hierarchy.hierarchy(gaussians, gaussians.mass, left).roots(left)
        np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize("places", [1, 3])
def test_nobody_is_the_partner_of_a_whole_crowd(places: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    where = {name: rng.normal(size=places)[np.arange(600) % places] for name in "xyz"}
    given = Gaussians.of(cloud(600, **where), "scene")
    partners: list[npt.NDArray[np.int32]] = []
    merge = merging.merge
    monkeypatch.setattr(
        merging, "merge", lambda part, of, count: (partners.append(of), merge(part, of, count))[1]
    )
    found = hierarchy.hierarchy(given, given.mass, 30).roots(30)
    assert len(np.unique(found)) == 30
    for root in np.unique(found):
        assert len(np.unique(given.cloud.xyz[found == root], axis=0)) == 1
    assert (partners[0] != np.arange(600)[:, None]).all()
    assert max(np.bincount(of.ravel()).max() for of in partners) <= 2 * hierarchy.PARTNERS


def in_boxes(monkeypatch: pytest.MonkeyPatch, box: int, left: int) -> None:
    monkeypatch.setattr(hierarchy, "BOX", box)
    monkeypatch.setattr(hierarchy, "LEFT", left)


@pytest.mark.usefixtures("kernels")
def test_boxes_are_merged_as_one_queue_of_all_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which nobody is the partner of a row in another box."""
    given = Gaussians.of(cloud(300, 2), "scene")
    in_boxes(monkeypatch, 80, 12)
    found = hierarchy.hierarchy(given, given.mass, 150).merges
    pieces = [rows[morton.order_of(given.cloud.xyz[rows])] for rows in boxes.rows_of(given.cloud.xyz, 80)]
    assert len(pieces) == 4
    rows = np.concatenate(pieces)
    firsts = np.cumsum([0, *map(len, pieces[:-1])])
    partners = [knn(given.cloud.xyz[of], 6)[1] + first for of, first in zip(pieces, firsts, strict=True)]
    one = merging.merge(
        given.blobs(rows, given.mass[rows], np.arange(300)), np.concatenate(partners).astype("i4"), 150
    )
    wanted = np.stack([rows[one["gone"]], rows[one["kept"]]], axis=1)
    np.testing.assert_array_equal(found[:150], wanted)


@pytest.mark.compiled
def test_boxes_are_the_same_for_any_number_of_threads_and_boxes_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = Gaussians.of(cloud(2000, 3), "scene")
    in_boxes(monkeypatch, 300, 40)
    found = hierarchy.hierarchy(given, given.mass, 1)
    for threads, sparing in (("1", False), ("3", False), ("3", True)):
        monkeypatch.setenv("GSCLI_THREADS", threads)
        again = hierarchy.hierarchy(given, given.mass, 1, sparing=sparing)
        np.testing.assert_array_equal(again.merges, found.merges)


@pytest.mark.compiled
def test_what_is_left_of_boxes_is_merged_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to one, every count being a cut of one sequence."""
    given = Gaussians.of(cloud(1000, 4), "scene")
    in_boxes(monkeypatch, 200, 20)
    whole = hierarchy.hierarchy(given, given.mass, 1)
    assert whole.merges.shape == (999, 2)
    for left in (999, 500, 161, 160, 159, 20, 1):
        found = whole.roots(left)
        assert len(set(found.tolist())) == left
        alone = hierarchy.hierarchy(given, given.mass, left).roots(left)
        np.testing.assert_array_equal(alone, found)
    first, second = (whole.roots(20)[rows] for rows in boxes.rows_of(given.cloud.xyz, 500))
    assert np.intersect1d(first, second).size
