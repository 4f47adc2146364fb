from importlib import metadata

import pytest

from gscli import neighbors
from gscli.kernels import launches
from gscli.runtime.libraries import Trouble


class Device:
    def __init__(self, kind):
        self.type = kind


@pytest.mark.parametrize(
    ("queries", "targets", "device", "name"),
    [
        (1, 1, None, "brute"),
        (500, 500, None, "brute"),
        (501, 500, None, "kdtree"),
        (10**7, 10**7, None, "kdtree"),
        (100, 100, "cpu", "torch-tree"),
    ],
)
def test_auto_follows_the_documented_rule_and_says_why(queries, targets, device, name):
    chosen, reason = neighbors.choose(queries, targets, device and Device(device))
    assert chosen == name
    assert reason


@pytest.mark.parametrize("points", [1, 1000, 10**7])
def test_on_a_gpu_the_walk_is_chosen_at_every_size_and_without_triton_the_tree_with_a_note(
    points, monkeypatch
):
    missing = Trouble("is not installed", "pip install triton")
    for found, expected in ((None, "triton-walk"), (missing, "torch-tree")):
        monkeypatch.setattr(launches, "trouble", lambda device, found=found: found)
        chosen, reason = neighbors.choose(points, points, Device("cuda"))
        assert chosen == expected
        assert found is None or "triton is not installed" in reason


def test_two_faiss_packages_are_noticed(tmp_path, monkeypatch):
    assert neighbors.notes() == []
    for name in ("faiss_cpu", "faiss_gpu_cu12"):
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    assert metadata.version("faiss-gpu-cu12") == "1.0"
    (note,) = neighbors.notes()
    assert note.startswith("faiss-cpu and faiss-gpu-cu12 are installed together and overwrite each other")
