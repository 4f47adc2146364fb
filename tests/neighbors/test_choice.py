from importlib import metadata

import pytest

from gscli import neighbors


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
        (10**6, 10**6, "cuda", "torch-tree"),
    ],
)
def test_auto_follows_the_documented_rule_and_says_why(queries, targets, device, name):
    chosen, reason = neighbors.choose(queries, targets, device and Device(device))
    assert chosen == name
    assert reason


def test_a_gpu_with_faiss_takes_small_clouds_and_without_it_the_tree():
    faiss = pytest.importorskip("gscli.neighbors.faiss")
    expected = "faiss" if faiss.gpu_count() > 0 else "torch-tree"
    assert neighbors.choose(10**5, 10**5, Device("cuda"))[0] == expected


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
