"""What every engine promises, asked of every file in gscli/neighbors."""

import subprocess
import sys

import numpy as np
import pytest

from gscli import _core, neighbors
from gscli.errors import EngineUnavailable, InputError, UsageError

ENGINES = neighbors.ENGINES


@pytest.fixture(params=[*ENGINES.names(), "kdtree without compiled kernels"])
def engine(request, monkeypatch):
    if request.param.startswith("kdtree "):
        monkeypatch.setattr(_core, "available", lambda: False)
        return ENGINES.get("kdtree")
    try:
        ENGINES.get(request.param).index(np.zeros((1, 3)))
    except EngineUnavailable as missing:
        pytest.skip(str(missing))
    return ENGINES.get(request.param)


def same(found, expected):
    distances, rows = expected
    assert found.distances.dtype == np.float64
    assert found.rows.dtype == np.int64
    np.testing.assert_array_equal(found.distances, distances)
    np.testing.assert_array_equal(found.rows, rows)
    assert found.proven + found.fallback == len(distances)


def test_the_directory_lists_the_engines():
    assert {"brute", "kdtree", "faiss", "torch-tree"} <= set(ENGINES.names())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("q", "t"), [(400, 1), (1, 400), (700, 900)])
def test_distances_are_bit_equal_to_trying_every_pair_and_ties_go_to_the_lowest_row(
    engine, case, truth, dtype, q, t
):
    with np.errstate(over="ignore", under="ignore"):
        queries, targets = (points.astype(dtype) for points in case(np.random.default_rng(1), q, t))
    before = queries.copy(), targets.copy()
    same(engine.index(targets).nearest(queries), truth(queries, targets))
    np.testing.assert_array_equal(queries, before[0])
    np.testing.assert_array_equal(targets, before[1])


@pytest.mark.parametrize("t", [2, 3, 7, 8, 9, 16, 17, 255, 256, 257, 1023, 1024, 1025])
def test_any_number_of_points(engine, truth, t):
    rng = np.random.default_rng(2)
    queries, targets = rng.random((t + 1, 3)), rng.integers(0, 5, (t, 3)) / 4
    same(engine.index(targets).nearest(queries), truth(queries, targets))


def test_a_tensor_is_answered_by_tensors(engine, truth):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    queries, targets = rng.random((50, 3)).astype(np.float32), rng.random((60, 3))
    found = engine.index(torch.from_numpy(targets)).nearest(torch.from_numpy(queries))
    assert found.distances.dtype == torch.float64
    assert found.rows.dtype == torch.int64
    distances, rows = truth(queries, targets)
    assert found.distances.tolist() == distances.tolist()
    assert found.rows.tolist() == rows.tolist()


def test_an_array_is_answered_by_arrays_whatever_the_targets_were(engine):
    torch = pytest.importorskip("torch")
    found = engine.index(torch.eye(3)).nearest(np.eye(3))
    assert isinstance(found.distances, np.ndarray)
    assert isinstance(found.rows, np.ndarray)


def test_an_engine_can_be_asked_again(engine, truth):
    rng = np.random.default_rng(4)
    targets, queries = rng.random((300, 3)), rng.random((200, 3))
    index = engine.index(targets)
    for part in (queries[:7], queries[7:]):
        same(index.nearest(part), truth(part, targets))


def test_progress_counts_every_query_once(engine):
    counts = []
    engine.index(np.eye(3)).nearest(np.random.default_rng(5).random((1000, 3)), advance=counts.append)
    assert sum(counts) == 1000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
@pytest.mark.parametrize("column", [0, 2])
def test_coordinates_that_are_not_finite_are_refused_with_their_count(engine, value, column):
    good, bad = np.eye(3), np.eye(3)
    bad[1:, column] = value
    for kind in (np.float64, np.float32)[: 1 if value == 1e200 else 2]:
        with pytest.raises(
            InputError, match="2 of 3 targets have coordinates that are not finite or beyond 1e\\+150"
        ):
            engine.index(bad.astype(kind))
        with pytest.raises(InputError, match="2 of 3 queries"):
            engine.index(good.astype(kind)).nearest(bad.astype(kind))


def test_infinite_coordinates_are_counted_in_float32_too(engine):
    bad = np.eye(3, dtype="f4")
    bad[1:, 2] = [np.inf, -np.inf]
    with pytest.raises(InputError, match="2 of 3 targets have coordinates"):
        engine.index(bad)


def test_an_empty_cloud_is_refused_on_either_side(engine):
    with pytest.raises(InputError, match="there are no targets"):
        engine.index(np.zeros((0, 3)))
    with pytest.raises(InputError, match="there are no queries"):
        engine.index(np.eye(3)).nearest(np.zeros((0, 3)))


@pytest.mark.parametrize("wrong", [np.zeros((3, 2)), np.zeros(3), np.zeros((3, 3), int), None, "a.ply"])
def test_what_is_not_a_list_of_positions_is_a_usage_error(engine, wrong):
    with pytest.raises(UsageError, match=r"^targets must be \(N, 3\) of float32 or float64, not "):
        engine.index(wrong)


def test_half_precision_is_refused_by_name_rather_than_searched_as_something_else(engine):
    torch = pytest.importorskip("torch")
    with pytest.raises(UsageError, match=r"float32 or float64, not bfloat16 of shape \(3, 3\)"):
        engine.index(torch.eye(3).bfloat16())


def test_answers_are_shown_in_one_line(engine):
    found = engine.index(np.eye(3)).nearest(np.zeros((9, 3)))
    assert repr(found) == f"<Neighbors: queries 9, proven {found.proven}, fallback {found.fallback}>"


def test_an_unknown_engine_is_a_usage_error_that_names_the_known():
    with pytest.raises(UsageError, match="no engine 'hnsw'; choose from auto, brute, "):
        ENGINES.get("hnsw")
    with pytest.raises(UsageError, match="no engine 'kdtre'; did you mean kdtree"):
        ENGINES.get("kdtre")


def test_listing_and_choosing_on_a_cpu_import_no_engine_library():
    code = (
        "import sys; from gscli import neighbors; neighbors.ENGINES.names(); neighbors.choose(9**9, 9**9);"
        "print({'torch', 'faiss', 'pykdtree', 'scipy', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_the_cpu_engines_import_no_torch():
    code = (
        "import sys, numpy; from gscli import neighbors;"
        "[neighbors.ENGINES.get(n).index(numpy.eye(3)).nearest(numpy.eye(3)) for n in ('brute', 'kdtree')];"
        "print('torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
