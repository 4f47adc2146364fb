"""The fewest rows that will do, found by a few tries."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from gscli.errors import GateMissed
from gscli.rendering.metrics import Psnr
from gscli.simplifying.judging import Judged
from gscli.simplifying.searching import fewest, figure


def judged(black: float | None, white: float | None = 99.0) -> Judged:
    one, other = (Psnr(None, None, None, foreground, 0) for foreground in (black, white))
    return Judged(12, "around", "", one, other, None, None)


def steady(count: int) -> float:
    return 3 * math.log2(count) - 8


def stepped(count: int) -> float:
    """Better by .4 dB where fewer stay, as where colours are settled."""
    return steady(count) + (0.4 if count < 40_000 else 0.0)


def steep(count: int) -> float:
    return 10 + (count / 1000) ** 2


def flat(count: int) -> float:
    return 40 - 1e-3 / count


def rough(count: int) -> float:
    return steady(count) + 0.2 * math.sin(count)


@pytest.mark.parametrize("psnr", [steady, stepped, steep, flat, rough])
@pytest.mark.parametrize("wanted", [12.0, 30.0, 39.9995, 41.3])
@pytest.mark.parametrize("total", [2, 90, 100_000])
def test_what_is_found_will_do_and_a_hundredth_fewer_will_not(
    psnr: Callable[[int], float], wanted: float, total: int
) -> None:
    tried: list[int] = []

    def make(count: int) -> tuple[int, Judged]:
        assert 0 < count < total
        tried.append(count)
        return count, judged(psnr(count))

    try:
        count, looks, searched = fewest(total, wanted, make, "scene")
    except GateMissed:
        assert psnr(max(tried)) < wanted
        assert total - max(tried) <= max(1, total // 100)
        return
    assert figure(looks) == searched.reached == psnr(count) >= wanted
    assert searched.tried == len(tried) == len(set(tried)) <= 16
    if searched.short is None:
        assert count == 1
    else:
        assert searched.short_of == psnr(searched.short) < wanted
        assert count - searched.short <= max(1, searched.short // 100)


def test_no_limit_is_too_far_from_what_is_reached() -> None:
    def make(count: int) -> tuple[int, Judged]:
        return count, judged(steady(count))

    assert fewest(100, -1e308, make, "scene")[0] == 1
    with pytest.raises(GateMissed, match=r"with 99 of 100 left it is 11\.9 dB"):
        fewest(100, 1e308, make, "scene")


def test_both_backgrounds_count_and_what_differs_nowhere_will_do() -> None:
    assert figure(judged(30.0, 29.0)) == 29.0
    assert figure(judged(30.0, None)) == 30.0
    assert figure(judged(None, None)) == math.inf
    count, _, searched = fewest(500, 30.0, lambda count: (count, judged(None, None)), "scene")
    assert (count, searched.reached, searched.short) == (1, None, None)
