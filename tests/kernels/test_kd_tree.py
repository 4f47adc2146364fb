"""The compiled k-d tree: every point in one leaf, boxes around them, and the answers of trying every pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gscli.kernels import kd_tree
from gscli.kernels.distances import nearest_by_trial

pytestmark = pytest.mark.compiled

KINDS = ("f4", "f8")
SIZES = (1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 1000, 4097)


def clouds(n: int, rng: np.random.Generator) -> dict[str, npt.NDArray[Any]]:
    """Clouds of n points that trees find hard, by what is hard about them."""
    geometric = 2.0 ** -np.arange(n)[:, None] * [1, 0, 0] if n < 120 else rng.normal(size=(n, 3)) ** 9
    return {
        "normal": rng.normal(size=(n, 3)),
        "lattice": rng.integers(0, 5, (n, 3)) / 4,
        "equal": np.full((n, 3), 0.25),
        "line": rng.normal(size=(n, 1)) * [1.0, 0, 0],
        "sorted": np.sort(rng.normal(size=(n, 3)), axis=0),
        "ever closer": geometric,
        "two values": rng.choice([0.0, 1.0], (n, 3)),
        "tiny": rng.normal(size=(n, 3)) * 1e-25,
        "huge": rng.normal(size=(n, 3)) * 1e25,
    }


def leaves_of(tree: kd_tree.Tree) -> list[npt.NDArray[Any]]:
    """The records of each leaf, without what fills it up."""
    edges = np.arange((1 << tree.depth) + 1) * tree.count >> tree.depth
    return [leaf["row"][:size] for leaf, size in zip(tree.leaves, np.diff(edges), strict=True)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_every_point_is_in_one_leaf_and_in_all_boxes_above_it(n: int, kind: str) -> None:
    for points in clouds(n, np.random.default_rng(n)).values():
        points = points.astype(kind)
        tree = kd_tree.build(points, kind)
        rows = leaves_of(tree)
        assert sorted(np.concatenate(rows).tolist()) == list(range(n))
        assert max(map(len, rows)) <= kd_tree.LEAF
        for number, (leaf, own) in enumerate(zip(tree.leaves, rows, strict=True)):
            held = np.stack([leaf[axis][: len(own)] for axis in "xyz"], axis=1)
            np.testing.assert_array_equal(held, points[own])
            node = (1 << tree.depth) - 1 + number
            while True:
                box = tree.boxes[node]
                assert (box["low"] <= held.min(axis=0)).all()
                assert (box["high"] >= held.max(axis=0)).all()
                assert box["row"] <= own.min()
                if not node:
                    break
                node = (node - 1) // 2
        np.testing.assert_array_equal(tree.boxes[0]["low"], points.min(axis=0))
        np.testing.assert_array_equal(tree.boxes[0]["high"], points.max(axis=0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_answers_are_those_of_trying_every_pair(n: int, kind: str) -> None:
    rng = np.random.default_rng(n)
    others = clouds(n // 2 + 1, rng)
    for name, points in clouds(n, rng).items():
        targets, queries = points.astype(kind), others[name].astype(kind)
        found = kd_tree.nearest(kd_tree.build(targets, kind), kd_tree.build(queries, kind))
        squared, rows = nearest_by_trial(queries.astype(float), targets.astype(float))
        np.testing.assert_array_equal(found.distances, np.sqrt(squared), err_msg=name)
        np.testing.assert_array_equal(found.rows, rows, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_elsewhere_leaves_out_what_is_at_a_querys_own_position(n: int, kind: str) -> None:
    for name, points in clouds(n, np.random.default_rng(n)).items():
        tree = kd_tree.build(points.astype(kind), kind)
        found = kd_tree.nearest(tree, tree, elsewhere=True)
        stored = points.astype(kind).astype(float)
        for i in range(0, n, max(1, n // 50)):
            dx, dy, dz = (stored[i] - stored).T
            squared = dx * dx + dy * dy + dz * dz
            squared[squared == 0] = np.inf
            assert found.distances[i] == np.sqrt(squared.min()), name
            assert found.rows[i] == (squared.argmin() if np.isfinite(squared.min()) else -1), name


def test_answers_in_float32_are_proven_and_only_ties_are_searched_again() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50_000, 3)).astype(np.float32)
    tree = kd_tree.build(points, "f4")
    queries = kd_tree.build((points + np.float32(0.001)).astype(np.float32), "f4")
    assert kd_tree.nearest(tree, queries).exact <= 3
    lattice = kd_tree.build((rng.integers(0, 20, (50_000, 3))).astype(np.float32), "f4")
    assert kd_tree.nearest(lattice, lattice).exact > 3000


@pytest.mark.parametrize(
    ("cloud", "box_tests", "evaluations"),
    [("normal", 140, 10), ("line", 60, 5), ("lattice", 70, 5), ("equal", 40, 4), ("sorted", 140, 30)],
)
def test_the_work_of_a_packet_stays_small(cloud: str, box_tests: int, evaluations: int) -> None:
    points = clouds(50_000, np.random.default_rng(1))[cloud].astype(np.float32)
    tree = kd_tree.build(points, "f4")
    found = kd_tree.nearest(tree, tree)
    packets = len(tree.leaves)
    assert found.box_tests / packets <= box_tests
    assert found.evaluations / packets <= evaluations


def adversary(n: int, rest: float) -> npt.NDArray[np.float64]:
    """Values of which a round of selection leaves almost all; those that are never sampled are `rest`."""
    values: list[float | None] = [None] * n
    slots, begin, end, k = list(range(n)), 0, n, n // 2
    for number in range(30):
        sample = [slots[begin + i * ((end - begin) // 3)] for i in range(3)]
        for i, slot in enumerate(sample):
            if values[slot] is None:
                values[slot] = -1000.0 + 3 * number + i
        ranked = sorted(values[slot] or 0.0 for slot in sample)
        pivot, less = ranked[(k - begin) * 3 // (end - begin)], begin
        for i in range(begin, end):
            value = values[slots[i]] or 0.0
            slots[i], slots[less] = slots[less], slots[i]
            less += value < pivot
        if k < less:
            end = less
        elif less > begin:
            begin = less
        else:
            begin += 1
    return np.array([rest if value is None else value for value in values])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rest", [1.0, float(np.float32(1e-45)), 5e-324])
def test_values_made_to_defeat_the_choice_of_pivots_end_too(kind: str, rest: float) -> None:
    """Halfway between two of the smallest numbers is none of either."""
    if rest and not np.array(rest, kind):
        rest = float(np.float32(1e-45))
    for n in range(150, 260):
        points = np.zeros((n, 3), kind)
        points[:, 0] = adversary(n, rest)
        tree = kd_tree.build(points, kind)
        assert sorted(np.concatenate(leaves_of(tree)).tolist()) == list(range(n))


def test_a_tree_that_is_widened_holds_the_same_points() -> None:
    points = np.random.default_rng(0).normal(size=(777, 3)).astype(np.float32)
    wide = kd_tree.widened(kd_tree.build(points, "f4"))
    assert wide.kind == "f8"
    found = kd_tree.nearest(wide, kd_tree.build(points.astype(float), "f8"))
    np.testing.assert_array_equal(found.rows, np.arange(777))
    assert not found.distances.any()


def test_threads_and_progress_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    points, queries = rng.normal(size=(2, 40_000, 3))
    answers = []
    for threads in ("1", "3"):
        monkeypatch.setenv("GSCLI_THREADS", threads)
        told: list[int] = []
        tree = kd_tree.build(points, "f8")
        answers.append(kd_tree.nearest(tree, kd_tree.build(queries, "f8"), advance=told.append))
        assert sum(told) == len(queries)
        assert len(told) > 1
    np.testing.assert_array_equal(answers[0].distances, answers[1].distances)
    np.testing.assert_array_equal(answers[0].rows, answers[1].rows)
    assert answers[0].box_tests == answers[1].box_tests


def test_trees_of_different_types_do_not_meet() -> None:
    points = np.eye(3)
    with pytest.raises(TypeError, match="a tree of f8 cannot be asked by one of f4"):
        kd_tree.nearest(kd_tree.build(points, "f8"), kd_tree.build(points, "f4"))


def test_only_so_many_neighbours_are_found() -> None:
    tree = kd_tree.build(np.eye(3), "f8")
    distances, rows = kd_tree.several(tree, tree, 4, others=True)
    assert np.isinf(distances[:, 2:]).all()
    assert (rows[:, 2:] == -1).all()
    for k in (0, kd_tree.SEVERAL + 1):
        with pytest.raises(ValueError, match=f"between 1 and {kd_tree.SEVERAL}"):
            kd_tree.several(tree, tree, k)
