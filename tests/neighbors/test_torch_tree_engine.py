import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from gscli.kernels import box_tree  # noqa: E402
from gscli.neighbors import kdtree, torch_tree  # noqa: E402


def one_scene_twice(rng, n):
    places = np.random.default_rng(0).normal(size=(200, 3)) * 3
    frames = np.linalg.qr(np.random.default_rng(1).normal(size=(200, 3, 3)))[0]
    disc = rng.integers(0, 200, n)
    return places[disc] + np.einsum("nij,nj->ni", frames[disc], rng.normal(size=(n, 3)) * [1, 0.7, 0.02])


def tight_and_outliers(rng, n):
    points = rng.normal(size=(n, 3)) * 1e-4 + 3
    points[: n // 20] = rng.normal(size=(n // 20, 3)) * 1e4
    return points


def cube(rng, n):
    return rng.random((n, 3))


@pytest.mark.parametrize(
    ("make", "shift", "n", "box_tests", "evaluations"),
    [
        pytest.param(one_scene_twice, [0, 0, 0], 50_000, 70, 25, id="scene"),
        pytest.param(lambda rng, n: cube(rng, n) * [1, 1, 0], [0, 0, 0], 20_000, 60, 12, id="plane"),
        pytest.param(cube, [10, 0, 0], 20_000, 100, 25, id="sets apart"),
        pytest.param(cube, [1000, 0, 0], 20_000, 100, 25, id="sets far apart"),
        pytest.param(lambda rng, n: cube(rng, n) + 5e6, [0, 0, 0], 20_000, 70, 25, id="georeferenced"),
        pytest.param(tight_and_outliers, [0, 0, 0], 20_000, 75, 25, id="tight and outliers"),
    ],
)
def test_the_work_of_a_query_stays_small(make, shift, n, box_tests, evaluations):
    queries, targets = make(np.random.default_rng(2), n), make(np.random.default_rng(3), n) + shift
    found = torch_tree.Index(targets).nearest(queries)
    assert found.box_tests <= box_tests * n
    assert found.evaluations <= evaluations * n
    expected = kdtree.Index(targets).nearest(queries)
    np.testing.assert_array_equal(found.distances, expected.distances)
    np.testing.assert_array_equal(found.rows, expected.rows)


def sphere(rng, n):
    points = rng.normal(size=(n, 3))
    return points / np.linalg.norm(points, axis=1)[:, None]


def test_what_defeats_the_tree_is_searched_by_trying_every_point():
    rng = np.random.default_rng(4)
    targets = sphere(rng, 20_000)
    easy, hard = targets[:300] * 1.001, rng.normal(size=(300, 3)) * 1e-9
    queries = np.vstack([easy, hard])
    found = torch_tree.Index(targets).nearest(queries)
    assert found.box_tests < 2.1 * box_tree.DENSE_TESTS * len(queries)
    assert len(hard) * len(targets) <= found.evaluations < 1.5 * len(hard) * len(targets)
    expected = kdtree.Index(targets).nearest(queries)
    np.testing.assert_array_equal(found.distances, expected.distances)
    np.testing.assert_array_equal(found.rows, expected.rows)


@pytest.mark.parametrize("piece", [3, 300, 301, 10_000])
def test_pieces_of_any_size_give_one_answer(piece, case):
    queries, targets = case(np.random.default_rng(5), 300, 200)
    targets = torch.from_numpy(np.unique(targets, axis=0))
    queries = torch.from_numpy(np.ascontiguousarray(queries))
    tree = box_tree.build(targets)
    found = box_tree.search(tree, targets, queries, piece=piece)
    whole = box_tree.search(tree, targets, queries, piece=1 << 20)
    assert found.squared.equal(whole.squared)
    assert found.slots.equal(whole.slots)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1000])
def test_leaves_hold_every_point_within_their_boxes(n):
    points = torch.from_numpy(np.random.default_rng(n).random((n, 3)))
    tree = box_tree.build(points)
    assert tree.points.shape[1] <= box_tree.LEAF
    assert sorted(set(tree.slots.flatten().tolist())) == list(range(n))
    assert tree.points.equal(points[tree.slots])
    leaves = len(tree.slots)
    for node in range(2 * leaves - 1):
        first, last = node, node
        while first < leaves - 1:
            first, last = 2 * first + 1, 2 * last + 2
        inside = tree.points[first - leaves + 1 : last - leaves + 2].view(-1, 3)
        assert tree.low[node].equal(inside.amin(dim=0))
        assert tree.high[node].equal(inside.amax(dim=0))


@pytest.mark.parametrize("n", [1, 8, 9, 17, 1000, 1025])
def test_order_is_a_permutation(n):
    points = torch.from_numpy(np.random.default_rng(n).random((n, 3)))
    assert sorted(box_tree.order(points).tolist()) == list(range(n))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_the_gpu_gives_the_answer_of_the_cpu(case):
    queries, targets = case(np.random.default_rng(6), 700, 900)
    found = torch_tree.Index(targets, device=torch.device("cuda")).nearest(queries)
    expected = torch_tree.Index(targets).nearest(queries)
    np.testing.assert_array_equal(found.distances, expected.distances)
    np.testing.assert_array_equal(found.rows, expected.rows)
    assert (found.box_tests, found.evaluations) == (expected.box_tests, expected.evaluations)
