"""What a search on a GPU takes of its memory: of all that torch makes, counted on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("triton")

from gscli.kernels import walk  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # of the profiler, about itself


def peak(call: Callable[[], Any]) -> tuple[int, int, Any]:
    """The most bytes that were there at a time, those that are left, and what was made."""
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profile:
        made = call()
    told = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = most = 0
    for event in sorted(told, key=lambda event: event.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    return most, held, made


@pytest.fixture
def unlaunched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels allocate nothing, so that none has to run."""

    def launch(kernel: Any, grid: Any, *arguments: Any, **options: Any) -> None:
        if kernel.__name__ == "descend":
            arguments[2].fill_(1)
        else:
            arguments[9].zero_()  # no packet was defeated

    monkeypatch.setattr(walk, "launch", launch)


@pytest.mark.usefixtures("unlaunched")
@pytest.mark.parametrize(("kind", "most"), [(torch.float32, 80), (torch.float64, 130)])
@pytest.mark.parametrize("count", [1 << 15, (1 << 15) + 1, 50_000])  # leaves are full, half empty, between
def test_a_search_takes_so_many_bytes_a_point_at_most(count: int, kind: Any, most: int) -> None:
    points = torch.rand(count, 3, dtype=kind)
    built, held, tree = peak(lambda: walk.build(points))
    searched, _, _ = peak(lambda: walk.nearest(tree, points))
    assert built > 50 * count  # which is counted
    assert max(built, held + searched) <= most * count
