"""Packets that walk a tree, where kernels run: on a GPU, or interpreted by tests/test_interpreted.py."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from gscli import neighbors  # noqa: E402
from gscli.comparing.search import search_both  # noqa: E402
from gscli.errors import InputError  # noqa: E402
from gscli.kernels import box_tree, launches, walk  # noqa: E402
from gscli.neighbors import brute, kdtree, triton_walk  # noqa: E402
from gscli.progress import Timings  # noqa: E402

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "cpu")
SIZES = [(400, 1), (1, 400), (700, 900)] if GPU else [(33, 40)]

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(launches.trouble(DEVICE) is not None, reason="no GPU here and nothing interpreted"),
]


def on_device(points):
    return torch.from_numpy(np.ascontiguousarray(points)).to(DEVICE)


def searched(queries, targets):
    return triton_walk.Index(targets, device=DEVICE).nearest(queries)


def same(found, expected):
    np.testing.assert_array_equal(found.distances, expected[0])
    np.testing.assert_array_equal(found.rows, expected[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("q", "t"), SIZES)
def test_distances_are_bit_equal_to_trying_every_pair_and_ties_go_to_the_lowest_row(case, truth, dtype, q, t):
    with np.errstate(over="ignore", under="ignore"):
        queries, targets = (points.astype(dtype) for points in case(np.random.default_rng(1), q, t))
    found = searched(queries, targets)
    assert (found.distances.dtype, found.rows.dtype, found.proven) == (np.float64, np.int64, q)
    same(found, truth(queries, targets))


@pytest.mark.parametrize("t", [1, 2, 7, 8, 9, 17, 65, 1025] if GPU else [1, 2, 8, 9, 17, 65])
def test_any_number_of_points(truth, t):
    rng = np.random.default_rng(2)
    queries, targets = rng.random((t % 40 + 1, 3)), rng.integers(0, 5, (t, 3)) / 4
    same(searched(queries, targets), truth(queries, targets))


def test_neither_side_is_rounded_to_the_type_of_the_other(truth):
    rng = np.random.default_rng(3)
    queries, targets = rng.random((30, 3)), rng.random((40, 3))
    for q, t in ((queries.astype("f4"), targets), (queries, targets.astype("f4"))):
        same(searched(q, t), truth(q, t))


@pytest.mark.parametrize("k", [1, 3, 16])
@pytest.mark.parametrize("others", [False, True])
def test_what_defeats_a_packet_is_searched_by_trying_every_point(k, others):
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 3, (60, 3)) / 2
    targets[:7] = rng.random((7, 3))
    queries = targets if others else rng.random((40, 3))
    tree = walk.build(on_device(targets))
    found = walk.nearest(tree, on_device(queries), k, others=others, visits=3)
    distances, rows = neighbors.knn(targets, k, queries=None if others else queries)
    np.testing.assert_array_equal(np.sqrt(found.squared.cpu().numpy()), distances)
    np.testing.assert_array_equal(found.rows.cpu().numpy(), rows)
    assert found.evaluations >= len(queries) * len(targets)


@pytest.mark.parametrize("visits", [3, walk.VISITS])
def test_the_nearest_elsewhere_is_that_of_the_cpu(visits, monkeypatch):
    monkeypatch.setattr(walk.nearest, "__kwdefaults__", {**walk.nearest.__kwdefaults__, "visits": visits})
    points = np.random.default_rng(11).integers(0, 3, (60, 3)) / 2
    points[0] = 5.25
    points[50:] = points[50]  # more than a leaf holds
    queries = np.vstack([points[::7], points[50:51], [[0.2, 0.3, 0.4]]])
    for targets in (points, points[50:]):
        found = triton_walk.Index(targets, device=DEVICE).spacing(queries)
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, kdtree.Index(targets).spacing(queries))
    assert found[-2] == np.inf


def test_a_comparison_takes_spacings_from_it_and_grows_no_tree_on_the_cpu(monkeypatch):
    clouds = np.random.default_rng(12).random((2, 40, 3))
    expected = search_both(*clouds, engine="kdtree", timings=Timings())
    monkeypatch.delattr(kdtree, "Index")
    found = search_both(*clouds, engine="triton-walk", where=DEVICE, timings=Timings())
    assert found[2] == expected[2]
    same(found[0], (expected[0].distances, expected[0].rows))


def test_pieces_of_queries_are_told_of_and_give_one_answer(truth, monkeypatch):
    monkeypatch.setattr(walk, "PIECE", 64)
    rng = np.random.default_rng(5)
    queries, targets = rng.random((150, 3)), rng.random((40, 3))
    told = []
    found = triton_walk.Index(targets, device=DEVICE).nearest(queries, advance=told.append)
    assert told == [64, 64, 22]
    same(found, truth(queries, targets))


def test_the_work_of_a_query_stays_small():
    """A fifth above what was counted on a GPU, 256 boxes; few queries to a packet's volume cost the most."""
    rng = np.random.default_rng(6)
    n = 20_000 if GPU else 240
    found = searched(rng.random((n // 4, 3)), rng.random((n, 3)))
    assert found.box_tests < 307 * n // 4
    assert found.evaluations < 300 * n // 4


def test_tensors_are_answered_where_they_are(truth):
    rng = np.random.default_rng(7)
    queries, targets = rng.random((30, 3)).astype("f4"), rng.random((40, 3)).astype("f4")
    found = triton_walk.Index(on_device(targets)).nearest(on_device(queries))
    assert (found.distances.device.type, found.rows.device.type) == (DEVICE.type, DEVICE.type)
    distances, rows = truth(queries, targets)
    assert found.distances.tolist() == distances.tolist()
    assert found.rows.tolist() == rows.tolist()


def test_half_of_a_tensor_is_searched_without_its_other_half(truth):
    """A view with strides, such as the positions among other columns."""
    columns = np.random.default_rng(8).random((40, 7)).astype("f4")
    found = triton_walk.Index(on_device(columns)[:, 2:5]).nearest(on_device(columns)[::2, :3])
    distances, rows = truth(columns[::2, :3], columns[:, 2:5])
    assert found.rows.tolist() == rows.tolist()
    assert found.distances.tolist() == distances.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 3, 16])
def test_several_neighbours_are_those_of_the_cpu(dtype, k):
    rng = np.random.default_rng(9)
    points = rng.integers(0, 9, (40, 3)) / 2
    points[10:30] = rng.random((20, 3)) * 4
    points[20:23] = points[3]
    points = points.astype(dtype)
    for queries in (None, rng.random((9, 3)) * 5):
        expected = neighbors.knn(points, k, queries=queries)
        found = neighbors.knn(on_device(points), k, queries=None if queries is None else on_device(queries))
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.device.type == DEVICE.type
            np.testing.assert_array_equal(ours.cpu().numpy(), theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gaussians_are_first_sized_as_on_the_cpu(dtype):
    points = torch.from_numpy(np.random.default_rng(10).normal(size=(40, 3))).to(dtype)
    for k in (3, 11):
        found = neighbors.mean_squared_distance(points.to(DEVICE), k)
        assert (found.dtype, found.device.type) == (dtype, DEVICE.type)
        np.testing.assert_array_equal(found.cpu().numpy(), neighbors.mean_squared_distance(points.numpy(), k))


def test_fewer_points_than_neighbours_are_refused():
    with pytest.raises(InputError, match="there are 2 other points, fewer than k=3"):
        neighbors.mean_squared_distance(on_device(np.eye(3)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_coordinates_that_are_not_finite_are_refused_with_their_count(dtype, value):
    bad = torch.eye(3, dtype=dtype)
    bad[1:, 2] = value
    with pytest.raises(InputError, match="2 of 3 points have coordinates that are not finite"):
        neighbors.mean_squared_distance(bad.to(DEVICE))


@pytest.mark.parametrize("n", [1, 8, 9, 17, 70])
def test_a_tree_holds_every_point_once_and_its_links_skip_what_is_below(n):
    tree = walk.build(on_device(np.random.default_rng(n).random((n, 3))))
    rows = tree.rows[tree.rows < walk.MOST]
    assert sorted(rows.tolist()) == list(range(n))
    assert tree.points.isnan().any(dim=2).equal(tree.rows == walk.MOST)
    leaves = 1 << tree.depth
    assert tree.points.shape == (leaves, box_tree.LEAF, 3)
    for node in range(1, 2 * leaves):
        up = node
        while up % 2 and up > 1:
            up //= 2
        assert tree.links[node, 0] == (0 if up == 1 else up + 1)
        first, last = node, node
        while first < leaves:
            first, last = 2 * first, 2 * last + 1
        assert tree.links[node, 1] == tree.rows[first - leaves : last - leaves + 1].min()


@pytest.mark.skipif(not GPU, reason="no GPU here")
def test_a_million_points_and_a_sphere_are_searched_as_by_the_other_tree():
    rng = np.random.default_rng(11)
    sphere = rng.normal(size=(100_000, 3))
    sphere /= np.linalg.norm(sphere, axis=1)[:, None]
    middle = np.vstack([rng.normal(size=(2000, 3)) * 1e-9, sphere[:2000] * 1.001])
    cube = rng.random((1_000_000, 3)).astype("f4"), rng.random((1_300_000, 3)).astype("f4")
    for queries, targets in (cube, (middle, sphere)):
        found, expected = (
            searched(queries, targets),
            neighbors.ENGINES.get("kdtree").index(targets).nearest(queries),
        )
        same(found, (expected.distances, expected.rows))


@pytest.mark.skipif(not GPU, reason="no GPU here")
def test_a_search_joins_the_stream_that_is_current():
    points = torch.rand(100_000, 3, device=DEVICE)
    expected = brute.Index(points[:300], device=DEVICE).nearest(points[:500])
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        found = triton_walk.Index(points[:300]).nearest(points[:500])
    stream.synchronize()
    assert found.rows.equal(expected.rows)
    assert found.distances.equal(expected.distances)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="no second GPU here")
def test_a_second_gpu_is_searched_on_while_the_first_is_current():
    points = torch.rand(1000, 3)
    found = triton_walk.Index(points.to("cuda:1")).nearest(points.to("cuda:1") + 0.01)
    expected = brute.Index(points).nearest(points.to("cuda:1").add(0.01).cpu())
    assert found.rows.device.index == 1
    assert found.rows.cpu().equal(expected.rows)
