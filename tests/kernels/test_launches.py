from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from gscli.errors import EngineUnavailable  # noqa: E402
from gscli.kernels import launches  # noqa: E402

CPU, GPU = torch.device("cpu"), torch.device("meta")  # a device that nothing runs on


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    launches._tried.cache_clear()
    yield
    launches._tried.cache_clear()


def test_a_cpu_is_no_gpu() -> None:
    found = launches.trouble(CPU)
    assert found is not None
    assert found.what == "needs a GPU"
    with pytest.raises(EngineUnavailable, match=r"^an engine needs triton, which needs a GPU"):
        launches.require(CPU, "an engine")


def test_triton_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    found = launches.trouble(GPU)
    assert found is not None
    assert (found.what, found.remedy) == ("is not installed", "pip install triton")


def test_triton_may_be_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    triton = pytest.importorskip("triton")
    monkeypatch.setattr(triton, "__version__", "3.2.10+git1")
    found = launches.trouble(GPU)
    assert found is not None
    assert found.what == "is older than 3.3"


def test_whatever_launching_raises_is_said_in_one_line_and_tried_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("triton")
    tried: list[Any] = []

    def launch(*arguments: Any, **options: Any) -> None:
        tried.append(arguments)
        raise RuntimeError("Failed to find C compiler.\n  Please specify via CC")

    monkeypatch.setattr(launches, "launch", launch)
    for _ in range(2):
        found = launches.trouble(GPU)
        assert found is not None
        said = "RuntimeError: Failed to find C compiler. Please specify via CC"
        assert found.what == f"cannot launch a kernel ({said})"
        assert "a C compiler" in found.remedy
    assert len(tried) == 1
