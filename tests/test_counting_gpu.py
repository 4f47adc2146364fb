"""The GPU that is not there counts what a real one would launch and be waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from .counting_gpu import WHERE, CountingGPU, counting_gpu  # noqa: E402


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingGPU]:
    with counting_gpu(monkeypatch) as found:
        yield found


COUNTED: dict[str, tuple[Callable[[Any], object], int, int]] = {  # with launches and waits
    "a sum": (lambda x: x + x, 1, 0),
    "a view": (lambda x: x[1:].view(torch.int32).unbind(), 0, 0),
    "room": (lambda x: torch.empty_like(x), 0, 0),
    "a fill": (lambda x: x.new_full((3,), 2.0), 1, 0),
    "a number": (lambda x: float(x[0]), 1, 1),
    "a truth": (lambda x: bool((x == 0).all()), 3, 1),
    "a list": (lambda x: x.tolist(), 1, 1),
    "a copy to the CPU": (lambda x: x.cpu(), 1, 1),
    "a copy to the CPU by its name": (lambda x: x.to("cpu"), 1, 1),
    "a copy from the CPU": (lambda x: torch.ones(3).to(x.device), 1, 1),
    "one that nobody waits for": (lambda x: torch.ones(3).to(x.device, non_blocking=True), 1, 0),
    "numbers from the CPU": (lambda x: torch.tensor([1.0, 2.0], device=x.device), 1, 1),
    "an array": (lambda x: torch.as_tensor(np.ones(2), device=x.device), 1, 1),
    "marked ones": (lambda x: x[x > 1], 2, 1),
    "named ones": (lambda x: x[(x > 1).long()], 3, 0),
    "where": (lambda x: (x > 1).nonzero(), 2, 1),
    "copies": (lambda x: x.long().repeat_interleave(x.long()), 4, 1),
    "copies of a known number": (lambda x: torch.repeat_interleave(x, x.long(), output_size=6), 3, 0),
}


@pytest.mark.parametrize("name", COUNTED)
def test_launches_and_waits_are_counted(name: str, gpu: CountingGPU) -> None:
    call, launches, waits = COUNTED[name]
    x = torch.arange(4.0, device=WHERE)
    gpu.clear()
    call(x)
    assert (gpu.launches.total(), gpu.waits.total()) == (launches, waits), (gpu.launches, gpu.waits)


def test_its_tensors_hold_what_a_cpu_computes(gpu: CountingGPU) -> None:
    x = torch.arange(4.0, device=WHERE)
    x[1:3] *= 2
    assert x.device == WHERE
    assert not x.is_cpu
    assert (x / 2).cpu().tolist() == [0, 1, 2, 1.5]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x + torch.ones(4),
        lambda x: x[torch.arange(2)],
        lambda x: torch.zeros(4, device="cuda"),
        lambda x: np.asarray(x),
        lambda x: x.numpy(),
    ],
)
def test_what_would_fail_on_a_second_gpu_fails(call: Callable[[Any], object], gpu: CountingGPU) -> None:
    x = torch.arange(4.0, device=WHERE)
    with pytest.raises(AssertionError):
        call(x)
