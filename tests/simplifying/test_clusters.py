"""Where rows that become one stand, and what they weigh."""

from __future__ import annotations

import numpy as np

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
