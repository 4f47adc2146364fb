"""Which rows become one, and where they stand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from gscli import _core
from gscli.kernels import merging
from gscli.simplifying import clusters
from gscli.simplifying.clusters import Clusters
from gscli.simplifying.gaussians import Gaussians
from tests.drawn import cloud


def test_rows_of_one_root_stand_where_the_weightiest_stood() -> None:
    roots = np.array([3, 1, 2, 3, 1, 5, 3])
    weights = np.array([1.0, 2, 9, 1, 2, 1, 5])
    found = Clusters.of(roots, weights)
    assert found.chosen.tolist() == [1, 2, 5, 6]  # of equal ones the lowest
    assert found.new.tolist() == [3, 0, 1, 3, 0, 2, 3]
    assert found.merged.tolist() == [0, 3]
    assert found.members.tolist() == [1, 4, 0, 3, 6]
    assert found.starts.tolist() == [0, 2]


def test_what_is_seen_well_weighs_more_and_nothing_weighs_less_than_its_mass() -> None:
    gaussians = Gaussians.of(cloud(50), "scene")
    alike = clusters.weights(gaussians, gaussians.mass * 1e7)
    np.testing.assert_allclose(alike / alike.sum(), gaussians.mass / gaussians.mass.sum(), rtol=1e-3)
    seen = np.zeros(50)
    seen[7] = 1000.0
    found = clusters.weights(gaussians, seen)
    np.testing.assert_array_equal(np.delete(found / gaussians.mass, 7), 1)
    assert 1 < found[7] / gaussians.mass[7] <= 50
    np.testing.assert_array_equal(clusters.weights(gaussians, None), gaussians.mass)


@pytest.mark.skipif(not _core.available(), reason="compiled kernels are not available")
def test_compiled_or_not_the_same_rows_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of rows too, whose neighbours are looked for anew."""
    given = cloud(60, 1)[np.repeat(np.arange(60), 8)]
    gaussians = Gaussians.of(given, "scene")
    found = clusters.hierarchy(gaussians, gaussians.mass, 25).roots(25)
    assert len(set(found.tolist())) == 25
    monkeypatch.setattr(_core, "available", lambda: False)
    again = clusters.hierarchy(gaussians, gaussians.mass, 25).roots(25)
    np.testing.assert_array_equal(again, found)


@pytest.mark.usefixtures("kernels")
def test_one_hierarchy_is_cut_where_another_would_have_ended() -> None:
    """Beyond the first lists of neighbours too: each row's nearest are its own copies."""
    given = cloud(40, 1)[np.repeat(np.arange(40), 8)]
    gaussians = Gaussians.of(given, "scene")
    whole = clusters.hierarchy(gaussians, gaussians.mass, 1)
    assert whole.merges.shape == (319, 2)
    for left in (320, 319, 200, 40, 39, 7, 1):
        found = whole.roots(left)
        assert len(set(found.tolist())) == left
        assert (found[found] == found).all()
        alone = clusters.hierarchy(gaussians, gaussians.mass, left).roots(left)
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
    found = clusters.hierarchy(given, given.mass, 30).roots(30)
    assert len(np.unique(found)) == 30
    for root in np.unique(found):
        assert len(np.unique(given.cloud.xyz[found == root], axis=0)) == 1
    assert (partners[0] != np.arange(600)[:, None]).all()
    assert max(np.bincount(of.ravel()).max() for of in partners) <= 2 * clusters.PARTNERS
