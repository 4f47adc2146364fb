"""What the engine for GPUs asks of one: launches, waits and memory, counted on one that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gscli import rasterizers  # noqa: E402
from gscli.kernels import launches  # noqa: E402
from tests.counting_gpu import INTERPRETED, WHERE, CountingGPU, counting_gpu, documented  # noqa: E402
from tests.drawn import ORBIT, SCENES, as_splats, cloud  # noqa: E402

pytestmark = pytest.mark.skipif(not INTERPRETED, reason="nothing is interpreted, and no GPU here")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingGPU]:
    with counting_gpu(monkeypatch) as found, np.errstate(all="ignore"):
        launches.trouble(WHERE)
        yield found


def prepared(scene: Any, *, xray: bool = False) -> Any:
    return rasterizers.chosen("triton", WHERE).prepare(as_splats(scene, xray=xray))


@pytest.mark.parametrize("kind", ["colors", "depth", "xray", "nothing"])
def test_a_picture_of_a_gpu_waits_for_sizes_and_for_itself(kind: str, gpu: CountingGPU) -> None:
    waits, launched = documented("a picture")
    drawn = prepared(cloud(0 if kind == "nothing" else 60, 3), xray=kind == "xray")
    gpu.clear()
    drawn.draw(ORBIT, depth=kind == "depth")
    assert gpu.waits.total() <= waits, gpu.waits
    assert gpu.launches.total() <= launched, gpu.launches


def test_weights_of_a_gpu_wait_once_more(gpu: CountingGPU) -> None:
    waits, launched = documented("how many pixels each Gaussian fills")
    drawn = prepared(cloud(9))
    gpu.clear()
    drawn.weigh(ORBIT)
    assert gpu.waits.total() <= waits, gpu.waits
    assert gpu.launches.total() <= launched, gpu.launches


@pytest.mark.parametrize("name", ["positions not finite", "scales not finite"])
def test_what_is_not_seen_by_a_gpu_leaves_no_trace(
    name: str, gpu: CountingGPU, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that a GPU gives holds anything: here what would spoil every pixel."""
    scene, camera = SCENES[name]
    camera = replace(camera, width=20, height=17)
    expected = prepared(scene).draw(camera)
    empty = torch.Tensor.new_empty

    def spoilt(tensor: Any, *size: Any, **options: Any) -> Any:
        made = empty(tensor, *size, **options)
        return made.fill_(float("nan")) if made.is_floating_point() else made

    monkeypatch.setattr(torch.Tensor, "new_empty", spoilt)
    found = prepared(scene).draw(camera)
    np.testing.assert_array_equal(found.color, expected.color)
    np.testing.assert_array_equal(found.alpha, expected.alpha)
