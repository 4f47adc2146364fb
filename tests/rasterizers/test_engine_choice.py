"""Which engine draws where."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gscli import render
from gscli.errors import EngineUnavailable, UsageError
from gscli.rasterizers import RASTERIZERS, chosen, require_effect
from tests.drawn import as_splats, cloud

CPU: Any = SimpleNamespace(type="cpu")
GPU: Any = SimpleNamespace(type="cuda")


def test_a_gpu_is_drawn_on_by_triton_and_a_cpu_by_compiled_kernels() -> None:
    assert [(chosen("auto", d).name, chosen("auto", d).device) for d in (None, CPU, GPU)] == [
        *(("core", None), ("core", None), ("triton", GPU)),
    ]
    assert (chosen("core", GPU).name, chosen("core", GPU).device) == ("core", None)


def test_a_gpu_that_nothing_has_a_use_for_is_refused() -> None:
    with pytest.raises(UsageError, match="has no effect on the core rasterizer, which draws on the CPU"):
        require_effect(chosen("core", GPU), GPU)
    require_effect(chosen("triton", GPU), GPU)
    require_effect(chosen("core", CPU), CPU)


def test_without_a_gpu_triton_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(EngineUnavailable, match="triton, which needs a GPU; use device='cuda'"):
        RASTERIZERS.get("triton").prepare(as_splats(cloud(1)))
    with pytest.raises(UsageError, match="no device 'gpu'"):
        render(cloud(3), "a.png", device="gpu")
