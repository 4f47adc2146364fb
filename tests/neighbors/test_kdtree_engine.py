import os
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from gscli.errors import UsageError
from gscli.kernels import kd_tree
from gscli.neighbors import _compiled, _pykdtree, kdtree

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_blocks_of_queries_meet(more, kernels):
    block = kd_tree.PACKETS * kd_tree.LEAF if kernels == "compiled" else _pykdtree.BLOCK
    q = block + more
    rng = np.random.default_rng(0)
    queries, targets = rng.random((q, 3)), np.array([[0.0, 0, 0], [0.9, 0.8, 0.7], [0.9, 0.1, 0.2]])
    counts = []
    found = kdtree.Index(targets).nearest(queries, advance=counts.append)
    dx, dy, dz = (queries[:, None, axis] - targets[None, :, axis] for axis in range(3))
    squared = dx * dx + dy * dy + dz * dz
    np.testing.assert_array_equal(found.rows, squared.argmin(axis=1))
    np.testing.assert_array_equal(found.distances, np.sqrt(squared.min(axis=1)))
    assert sum(counts) == q
    assert len(counts) == (2 if more > 0 else 1)


def test_an_index_is_asked_for_the_points_of_another(case, truth):
    queries, targets = case(np.random.default_rng(2), 300, 400)
    found = kdtree.Index(targets).nearest(kdtree.Index(queries))
    distances, rows = truth(queries, targets)
    np.testing.assert_array_equal(found.distances, distances)
    np.testing.assert_array_equal(found.rows, rows)


REPEATED = {
    "lattice": lambda rng, n: rng.integers(0, 5, (n, 3)) / 4,
    "decimal lattice": lambda rng, n: rng.integers(0, 5, (n, 3)) * 0.1,
    "signed zeros": lambda rng, n: rng.choice([-0.0, 0.0, 1.0], (n, 3)),
    "all equal": lambda rng, n: np.full((n, 3), 0.1),
    "two clumps": lambda rng, n: np.repeat(rng.random((2, 3)), n // 2, axis=0)[rng.permutation(n // 2 * 2)],
}


@pytest.mark.parametrize("kinds", [("f4", "f4"), ("f4", "f8"), ("f8", "f4"), ("f8", "f8")])
@pytest.mark.parametrize("made", REPEATED.values(), ids=REPEATED)
def test_points_that_are_there_many_times_are_found_by_their_lowest_row(made, kinds, truth):
    rng = np.random.default_rng(5)
    queries, targets = made(rng, 1500).astype(kinds[0]), made(rng, 2000).astype(kinds[1])
    queries[::7] += np.float32(0.01)
    distances, rows = truth(queries, targets)
    for asked in (queries, kdtree.Index(queries)):
        told = []
        found = kdtree.Index(targets).nearest(asked, advance=told.append)
        np.testing.assert_array_equal(found.distances, distances)
        np.testing.assert_array_equal(found.rows, rows)
        assert sum(told) == len(queries)


def test_few_copies_or_few_points_are_all_in_the_tree(kernels):
    rng = np.random.default_rng(6)
    points = rng.random((4000, 3))
    if kernels != "compiled":
        assert _compiled.tree_of(points) is None  # which leaves all to pykdtree
        return
    for copies, count in ((1, 4000), (3, 1500), (1000, 1000)):
        some = points.repeat(copies, axis=0)[:count]
        assert _compiled.tree_of_distinct(some)._tree.count == count
    assert _compiled.tree_of_distinct(points[:40].repeat(100, axis=0))._tree.count == 40


def test_two_positions_of_one_name_are_both_in_the_tree(truth, kernels, monkeypatch):
    monkeypatch.setattr(_compiled, "name_positions", lambda xyz: np.zeros(xyz.shape[1], np.uint64))
    points = np.random.default_rng(7).integers(0, 5, (1500, 3)) / 4
    distances, rows = truth(points[:50], points)
    found = kdtree.Index(points).nearest(points[:50])
    np.testing.assert_array_equal(found.distances, distances)
    np.testing.assert_array_equal(found.rows, rows)


def test_float64_queries_find_the_points_that_were_indexed_whatever_became_of_the_array(truth):
    rng = np.random.default_rng(3)
    targets, queries = rng.random((300, 3)).astype(np.float32), rng.random((200, 3))
    distances, rows = truth(queries, targets)
    index = kdtree.Index(targets)
    targets[:] = 0
    for _ in range(2):
        found = index.nearest(queries)
        np.testing.assert_array_equal(found.distances, distances)
        np.testing.assert_array_equal(found.rows, rows)


def test_more_queries_than_a_tree_holds_are_asked_in_parts(truth, monkeypatch):
    monkeypatch.setattr(kd_tree, "MOST", 150)
    rng = np.random.default_rng(4)
    targets, queries = rng.random((100, 3)), rng.random((400, 3))
    distances, rows = truth(queries, targets)
    found = kdtree.Index(targets).nearest(queries)
    np.testing.assert_array_equal(found.distances, distances)
    np.testing.assert_array_equal(found.rows, rows)


@pytest.mark.parametrize("count", [2, 7, 8, 9, 31, 32, 33, 127, 128, 129, 600])
def test_any_number_of_equally_near_targets_yields_the_lowest_row(count):
    angle = np.arange(count) * (2 * np.pi / count)
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(count)], axis=1)
    rng = np.random.default_rng(count)
    targets = np.vstack([rng.random((50, 3)) + 9, ring[rng.permutation(count)]])
    axis = np.stack([np.zeros(30), np.zeros(30), rng.permutation(30) / 10], axis=1)
    found = kdtree.Index(targets).nearest(axis)
    for query, row, distance in zip(axis, found.rows, found.distances, strict=True):
        dx, dy, dz = (query - targets).T
        squared = dx * dx + dy * dy + dz * dz
        assert row == squared.argmin()
        assert distance == np.sqrt(squared.min())


def test_many_duplicates_do_not_slow_the_tree_into_a_standstill():
    rng = np.random.default_rng(1)
    targets = np.repeat(rng.random((3, 3)), 70_000, axis=0)
    found = kdtree.Index(targets).nearest(targets)
    np.testing.assert_array_equal(found.rows, np.repeat([0, 70_000, 140_000], 70_000))
    assert not found.distances.any()


def test_spacing_is_the_distance_to_the_nearest_other_position():
    targets = np.array([[0.0, 0, 0], [0, 0, 0], [3, 4, 0], [3, 4, 1]])
    assert kdtree.Index(targets).spacing(targets).tolist() == [5, 5, 1, 1]


def test_spacing_agrees_with_trying_every_pair(case):
    _, points = case(np.random.default_rng(3), 1, 500)
    squared = sum((points[:, None, axis] - points[None, :, axis]) ** 2 for axis in range(3))
    squared[squared == 0] = np.inf
    np.testing.assert_array_equal(kdtree.Index(points).spacing(points), np.sqrt(squared.min(axis=1)))


def test_one_position_has_no_spacing():
    assert np.isinf(kdtree.Index(np.ones((5, 3))).spacing(np.ones((2, 3)))).all()


def test_a_gpu_is_refused_rather_than_ignored():
    torch = pytest.importorskip("torch")
    with pytest.raises(UsageError, match="CPU only"):
        kdtree.Index(np.eye(3), device=torch.device("cuda"))


@pytest.mark.parametrize("given", [None, "ACTIVE"])
def test_pykdtree_is_told_as_it_is_imported_that_idle_threads_sleep(given):
    code = (
        "import os, sys\nfrom gscli.neighbors import _pykdtree\nfrom gscli.runtime import libraries\n"
        "told, require = [], libraries.require\n"
        "note = lambda: told.append(os.environ.get('OMP_WAIT_POLICY'))\n"
        "libraries.require = lambda *a, **b: (note(), require(*a, **b))\n"
        "import numpy as np; [_pykdtree.Tree(np.eye(3)) for _ in range(2)]\n"
        "print(*told, os.environ.get('OMP_WAIT_POLICY'))"
    )
    env = {name: value for name, value in os.environ.items() if name != _pykdtree.WAITING}
    if given is not None:
        env[_pykdtree.WAITING] = given
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert told.stdout.split() == (["PASSIVE", "None", "None"] if given is None else [given] * 3)


def test_trees_are_made_in_several_threads_at_a_time(monkeypatch):
    """Of which one would take out of the environment what another has put there."""
    both = threading.Barrier(2, timeout=60)

    class Environment(dict):
        def __contains__(self, name):
            found = super().__contains__(name)
            both.wait()
            return found

    environment, wrong = Environment(), []

    def make():
        try:
            _pykdtree.Tree(np.eye(3))
        except Exception as error:  # noqa: BLE001  told below
            wrong.append(error)

    monkeypatch.setattr(_pykdtree, "os", SimpleNamespace(environ=environment))
    monkeypatch.setattr(_pykdtree, "sys", SimpleNamespace(modules={}))  # nothing is imported yet
    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not list(environment)
