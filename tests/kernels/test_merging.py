"""Gaussians merged two at a time: which pairs, in which order, and what they become."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gscli import _core
from gscli.kernels import merging
from gscli.neighbors import knn

Array = npt.NDArray[Any]


def some(
    count: int, seed: int = 0, colors: int = 3, duplicates: int = 1
) -> tuple[Array, Array, Array, Array]:
    """Means, covariances, weights and colours; every Gaussian so many times."""
    rng = np.random.default_rng(seed)
    means = rng.normal(0, 1, (count, 3)).astype(np.float32).astype(np.float64)
    half = rng.normal(0, 0.1, (count, 3, 3)) * rng.lognormal(-1, 1, (count, 1, 1))
    full = half @ half.transpose(0, 2, 1) + 1e-14 * np.eye(3)
    covariances = full[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]
    found = (means, covariances, rng.lognormal(0, 2, count), rng.normal(0, 1, (count, colors)))
    return tuple(np.repeat(part, duplicates, axis=0) for part in found)  # type: ignore[return-value]


def near(means: Array, k: int = 6) -> npt.NDArray[np.int32]:
    return knn(means, min(k, len(means) - 1))[1].astype(np.int32)


def full(six: Array) -> Array:
    a, b, c, d, e, f = six
    return np.array([[a, b, c], [b, d, e], [c, e, f]])


def least(blobs: merging.Blobs, alive: list[int]) -> tuple[float, int, int]:
    """The pair of all pairs that loses least, by NumPy's own logarithms."""
    best = (np.inf, -1, -1)
    for i in alive:
        for j in alive:
            a, b = blobs.rows[i], blobs.rows[j]
            if i == j:
                continue
            total = a["weight"] + b["weight"]
            p, q = a["weight"] / total, b["weight"] / total
            d = a["mean"] - b["mean"]
            both = p * full(a["covariance"]) + q * full(b["covariance"]) + p * q * np.outer(d, d)
            logs = [np.linalg.slogdet(m)[1] for m in (both, full(a["covariance"]), full(b["covariance"]))]
            room = max(0.0, (logs[0] - p * logs[1] - q * logs[2]) / 2)
            color = np.square(blobs.colors[i].astype(float) - blobs.colors[j]).sum()
            best = min(best, ((room + 2 * p * q * color) * total**0.375 + a["lost"] + b["lost"], i, j))
    return best


@pytest.mark.usefixtures("kernels")
def test_the_pair_that_loses_least_goes_first() -> None:
    """With all the others as partners, every merge is the best of all there are."""
    count = 14
    given = some(count, seed=3)
    everyone = np.array([[j for j in range(count) if j != i] for i in range(count)], np.int32)
    merges = merging.merge(merging.blobs(*given), everyone, 1)
    assert len(merges) == count - 1
    alive, rows = list(range(count)), merging.blobs(*given)
    for gone, kept, lost in merges.tolist():
        loss, i, j = least(rows, alive)
        assert {i, j} == {gone, kept}
        assert lost == pytest.approx(loss, rel=1e-9)
        merging.merge(pair := merging.Blobs(rows.rows[[kept, gone]], rows.colors[[kept, gone]]), ONE, 1)
        rows.rows[kept], rows.colors[kept] = pair.rows[0], pair.colors[0]
        assert rows.rows[kept]["lost"] == pytest.approx(loss, rel=1e-9)
        alive.remove(gone)


ONE = np.array([[1], [-1]], np.int32)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("colors", [3, 12, 45])
def test_what_is_merged_has_the_moments_of_its_parts(colors: int) -> None:
    """Whatever the order: the mean, the covariance and the colour are those of the mixture."""
    means, covariances, weights, shades = some(60, seed=1, colors=colors)
    blobs = merging.blobs(means, covariances, weights, shades)
    assert len(merging.merge(blobs, near(means), 1)) == 59
    last = int(blobs.rows["weight"].argmax())
    share = weights / weights.sum()
    mean = share @ means
    away = means - mean
    wanted = np.einsum("n,ni,nj->ij", share, away, away) + full(share @ covariances)
    np.testing.assert_allclose(blobs.rows[last]["mean"], mean, atol=1e-12)
    np.testing.assert_allclose(full(blobs.rows[last]["covariance"]), wanted, atol=1e-12)
    np.testing.assert_allclose(blobs.colors[last, :colors], share @ shades, atol=1e-5)
    assert (blobs.colors[last, colors:] == 0).all()


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("count", "left", "colors", "duplicates", "k"),
    [(700, 90, 3, 1, 6), (300, 1, 48, 1, 6), (60, 5, 12, 8, 6), (400, 100, 3, 1, 16), (2, 1, 3, 1, 1)],
)
def test_compiled_or_not_the_same_pairs_are_merged_to_the_last_bit(
    count: int, left: int, colors: int, duplicates: int, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = some(count, seed=count, colors=colors, duplicates=duplicates)
    compiled, without = merging.blobs(*given), merging.blobs(*given)
    partners = near(given[0], k)
    merges = merging.merge(compiled, partners, left)
    monkeypatch.setattr(_core, "available", lambda: False)
    np.testing.assert_array_equal(merges, merging.merge(without, partners, left))
    assert compiled.rows.tobytes() == without.rows.tobytes()
    assert compiled.colors.tobytes() == without.colors.tobytes()


@pytest.mark.compiled
@pytest.mark.parametrize("spread", [0.0, 30.0, 200.0])
def test_losses_that_are_alike_or_of_any_size_go_in_the_same_order(
    spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All in one bucket, over many octaves, and over more of them than there are buckets."""
    rng = np.random.default_rng(4)
    line = np.arange(260.0)[:, None] * [1.0, 0.0, 0.0]
    means = line + rng.permutation(np.repeat([0.0, 1e-3], 130))[:, None]
    round_ = np.tile([0.01, 0.0, 0.0, 0.01, 0.0, 0.01], (260, 1))
    weights = 2.0 ** rng.uniform(-spread, spread, 260)
    given = (means, round_, weights, np.zeros((260, 3)))
    compiled, without = merging.blobs(*given), merging.blobs(*given)
    merges = merging.merge(compiled, near(means), 3)
    monkeypatch.setattr(_core, "available", lambda: False)
    np.testing.assert_array_equal(merges, merging.merge(without, near(means), 3))
    assert compiled.rows.tobytes() == without.rows.tobytes()


@pytest.mark.compiled
def test_threads_and_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    given = some(3000, seed=5)
    partners = near(given[0])
    wanted = merging.merge(merging.blobs(*given), partners, 400)
    for threads, rows in (("1", 1 << 14), ("3", 7), ("2", 2999)):
        monkeypatch.setenv("GSCLI_THREADS", threads)
        monkeypatch.setattr(merging, "ROWS", rows)
        np.testing.assert_array_equal(merging.merge(merging.blobs(*given), partners, 400), wanted)


@pytest.mark.usefixtures("kernels")
def test_fewer_merges_are_the_first_of_more() -> None:
    given = some(200, seed=2)
    partners = near(given[0])
    few = merging.merge(merging.blobs(*given), partners, 150)
    many = merging.merge(merging.blobs(*given), partners, 20)
    assert (len(few), len(many)) == (50, 180)
    np.testing.assert_array_equal(few, many[:50])


@pytest.mark.usefixtures("kernels")
def test_rows_without_a_partner_stay() -> None:
    given = some(4)
    partners = np.array([[1], [0], [-1], [-1]], np.int32)
    assert len(merging.merge(merging.blobs(*given), partners, 1)) == 1
    assert len(merging.merge(merging.blobs(*given), np.full((4, 2), -1, np.int32), 1)) == 0
    assert len(merging.merge(merging.blobs(*given), partners, 4)) == 0


def test_partners_that_are_none_are_refused() -> None:
    given = merging.blobs(*some(4))
    for wrong in (np.full((4, 1), 4), np.full((4, 1), -2), np.zeros((3, 1)), np.zeros((4, 17))):
        with pytest.raises(ValueError, match="neighbours that are not"):
            merging.merge(given, wrong.astype(np.int32), 1)
