import numpy as np
import pytest

pytest.importorskip("faiss", reason="needs faiss")

from gscli.errors import EngineUnavailable
from gscli.kernels import certificate
from gscli.neighbors import faiss


class Noisy(faiss.Index):
    """A faiss whose arithmetic errs by `FACTOR` times the bound, to the disadvantage of the nearest."""

    FACTOR = 1.0

    def _candidates(self, queries):
        norms = [np.linalg.norm(points - self._centre, axis=1) for points in (self._queries, self._points)]
        true = sum((self._queries[:, None, a] - self._points[None, :, a]) ** 2 for a in range(3))
        bound = self.FACTOR * certificate.bound(norms[0][:, None], norms[1][None, :])
        computed = np.where(true == true.min(axis=1)[:, None], true + bound, true - bound)
        slots = np.argsort(computed, axis=1)[:, : self._k]
        return np.take_along_axis(computed, slots, axis=1), slots

    def _attempt(self, queries):
        self._queries = queries
        return super()._attempt(queries)


class Noisier(Noisy):
    FACTOR = 30.0


def agree(found, expected):
    np.testing.assert_array_equal(found.distances, expected[0])
    np.testing.assert_array_equal(found.rows, expected[1])


@pytest.mark.parametrize("defective", [Noisy, Noisier])
def test_bad_arithmetic_changes_no_answer(defective, case, truth):
    queries, targets = case(np.random.default_rng(0), 300, 400)
    agree(defective(targets).nearest(queries), truth(queries, targets))


def test_arithmetic_beyond_the_bound_is_noticed_and_left():
    rng = np.random.default_rng(1)
    found = Noisier(rng.random((400, 3))).nearest(rng.random((300, 3)))
    assert (found.proven, found.fallback) == (0, 300)


def test_all_is_proven_where_float32_suffices():
    rng = np.random.default_rng(2)
    found = faiss.Index(np.repeat(rng.random((1000, 3)), 6, axis=0)).nearest(rng.random((3000, 3)))
    assert found.proven > 2990


def test_all_go_to_the_tree_when_more_than_half_of_the_first_fail():
    rng = np.random.default_rng(3)
    targets = np.vstack([rng.random((3000, 3)) * 1e-5, [[1e3, 0, 0], [0, 0, 2e3]]])
    good = rng.random((3000, 3)) * 1e3
    bad = rng.random((3000, 3)) * 1e-5 - 5
    assert faiss.Index(targets).nearest(np.vstack([bad, good])).proven == 0


def test_only_the_unproven_go_to_the_tree_otherwise(truth):
    rng = np.random.default_rng(4)
    targets = np.vstack([rng.random((2000, 3)) * 100, 50 + rng.random((50, 3)) * 1e-6])
    queries = np.vstack([rng.random((faiss.TRIAL, 3)) * 100, 50 + rng.random((200, 3)) * 1e-6])
    counts = []
    found = faiss.Index(targets).nearest(queries, advance=counts.append)
    assert 200 <= found.fallback < 400
    assert sum(counts) == len(queries)
    agree(found, truth(queries, targets))


@pytest.mark.parametrize(
    "n", [1, faiss.TRIAL - 1, faiss.TRIAL, faiss.TRIAL + 1, faiss.TRIAL + faiss.BLOCK + 1]
)
def test_blocks_of_queries_meet(n):
    queries = np.random.default_rng(n).random((n, 3))
    targets = np.random.default_rng(0).random((20, 3))
    found = faiss.Index(targets).nearest(queries)
    true = sum((queries[:, None, axis] - targets[None, :, axis]) ** 2 for axis in range(3))
    np.testing.assert_array_equal(found.rows, true.argmin(axis=1))


@pytest.mark.skipif(faiss.gpu_count() > 0, reason="faiss has a GPU here")
def test_without_a_gpu_cuda_is_an_error_and_not_an_abort():
    torch = pytest.importorskip("torch")
    with pytest.raises(EngineUnavailable, match="no GPU"):
        faiss.Index(np.eye(3), device=torch.device("cuda"))


@pytest.mark.gpu
@pytest.mark.skipif(faiss.gpu_count() == 0, reason="faiss has no GPU here")
def test_the_gpu_gives_the_answer_of_the_definition(case, truth):
    torch = pytest.importorskip("torch")
    queries, targets = case(np.random.default_rng(5), 700, 900)
    agree(faiss.Index(targets, device=torch.device("cuda")).nearest(queries), truth(queries, targets))
