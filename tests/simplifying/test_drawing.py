"""What draws the scenes of a simplification: the CPU, or a GPU where one is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gscli import formats, lod, rasterizers, scene, simplify, verify
from gscli.errors import EngineUnavailable, UsageError
from gscli.kernels import compositing, launches
from gscli.simplifying import drawing, judging, look
from tests.drawn import cloud

pytestmark = pytest.mark.compiled


@pytest.mark.parametrize("thin", [simplify, lod])
@pytest.mark.parametrize(
    ("idle", "named"), [({"views": 0}, "views=0"), ({"memory_limit": "2GB"}, "memory_limit")]
)
def test_a_gpu_without_effect_is_refused_before_anything_is_read(
    thin: Callable[..., Any], idle: dict[str, Any], named: str, tmp_path: Path
) -> None:
    asked = {"target": "50%"} if thin is simplify else {}
    with pytest.raises(UsageError, match=f"^device='cuda' has no effect with {named}; "):
        thin(tmp_path / "missing.ply", tmp_path / "out", device="cuda", **asked, **idle)


def test_what_a_gpu_made_is_not_verified_without_one(tmp_path: Path) -> None:
    """By a comment and by a report: other pictures might merge other rows, which would be no fault."""
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("GPU here")
    source, small = tmp_path / "scene.ply", tmp_path / "small.ply"
    formats.write(source, scene.make(60))
    simplify(source, small, target="50%", views=2)
    said, told = small.read_bytes(), b" views=2 growth="
    assert said.count(told) == 1
    small.write_bytes(said.replace(told, b" views=2 rasterizer=triton growth="))
    with pytest.raises(EngineUnavailable, match="was made by pictures of a GPU") as refused:
        verify(source, [small])
    assert refused.value.remedy == "verify it where it was made"


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> rasterizers.Chosen:
    """The engine for GPUs, on one if there is one, in whose place a CPU may interpret; pictures are small."""
    torch = pytest.importorskip("torch")
    where = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if launches.trouble(where) is not None:
        pytest.skip("no GPU here and nothing interpreted")
    for module, name, value in (
        (look, "SIDE", 24),
        (look, "LARGE", 1),
        (look, "LARGE_SIDE", 24),
        (judging, "SIDE", 32),
        (judging, "VIEWS", 1),
        (compositing, "SHARED_BLOCK", compositing.TILE),
    ):
        monkeypatch.setattr(module, name, value)
    return rasterizers.Chosen(rasterizers.RASTERIZERS.get(rasterizers.ON_GPU), where)


@pytest.mark.gpu
def test_what_a_gpu_looks_at_is_merged_alike(
    on_gpu: rasterizers.Chosen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As like the scene as what the CPU looks at, but for .05 dB, and it says what drew."""
    source, small = tmp_path / "scene.ply", tmp_path / "small.ply"
    formats.write(source, cloud(60, 1, seed=3))
    here = simplify(source, tmp_path / "here.ply", target="30%", views=2)
    monkeypatch.setattr(drawing, "settled", lambda *_: (on_gpu, ()))
    there = simplify(source, small, target="30%", views=2)
    assert b" views=2 rasterizer=triton growth=" in small.read_bytes()
    assert there.to_dict()["look"]["rasterizer"] == "triton"
    assert here.looks is not None
    assert there.looks is not None
    for side in ("psnr", "on_white"):
        found, expected = (getattr(each.looks, side).foreground for each in (there, here))
        assert found == pytest.approx(expected, abs=0.05), side


@pytest.mark.gpu
def test_a_gpu_weighs_as_it_shares_ones_out(on_gpu: rasterizers.Chosen) -> None:
    """And as compiled kernels do, but where a footprint just reaches a pixel."""
    import numpy as np

    from tests.drawn import ORBIT, as_splats

    splats = as_splats(cloud(40, 1, seed=5))
    camera = ORBIT.resized(20, 16)
    ones = np.ones((16, 20, 4), np.float32)
    ready = on_gpu.prepare(splats)
    picture, weights = ready.weigh(camera)
    same, shares = ready.share(camera, lambda _: ones)
    np.testing.assert_array_equal(weights, shares[:, 0])
    np.testing.assert_array_equal(picture.color, same.color)
    expected = rasterizers.chosen(rasterizers.ON_CPU).prepare(splats).weigh(camera)[1]
    np.testing.assert_allclose(weights, expected, atol=0.01)
