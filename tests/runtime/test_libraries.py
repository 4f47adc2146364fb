"""A library that is missing, broken or something else of its name is told in one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gscli import scene
from gscli.errors import EngineUnavailable
from gscli.formats import FORMATS
from gscli.runtime import libraries

from ..update_docs import surroundings

CUBLAS = "libcublas.so.11: cannot open shared object file"
BROKEN = f"raise RuntimeError('''Failed to load:\n  {CUBLAS}''')"


def fake(folder: Path, name: str, code: str | None) -> Path:
    """A package with some code in it; with none, a folder that happens to have that name."""
    (folder / name).mkdir(parents=True)
    if code is None:
        (folder / name / "index.txt").touch()
    else:
        (folder / name / "__init__.py").write_text(code)
    return folder


@pytest.fixture(params=[BROKEN, None, "size = 3"], ids=["broken", "folder", "other"])
def faked(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[dict[str, str], str]:
    """An environment where faiss is not what it should be, and what is to be said of it."""
    folder = fake(tmp_path / "fakes", "faiss", request.param)
    said = (
        f"cannot be imported (RuntimeError: Failed to load: {CUBLAS}); mend its installation"
        if request.param == BROKEN
        else f"is something else here ({folder}/faiss"
    )
    env = surroundings(tmp_path)
    # A folder without __init__.py gives way to any package; where there is none, it is what is imported.
    blocker = (
        "import sys\nfrom importlib.machinery import PathFinder\n"
        "class Only(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        f"        return super().find_spec(name, [{str(folder)!r}]) if name == 'faiss' else None\n"
        "sys.meta_path.insert(0, Only)\n"
    )
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "sitecustomize.py").write_text(blocker)
    return {**env, "PYTHONPATH": f"{tmp_path / 'start'}:{env['PYTHONPATH']}"}, said


def gscli(env: dict[str, str], folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gscli", *args]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=120)


def test_compare_says_what_is_wrong_with_faiss(faked: tuple[dict[str, str], str], tmp_path: Path) -> None:
    env, said = faked
    scene.write(tmp_path / "scene.ply", 100, sh_degree=0)
    done = gscli(env, tmp_path, "compare", "scene.ply", "scene.ply", "--engine", "faiss")
    assert done.returncode == EngineUnavailable.exit_code, done.stderr
    assert done.stderr.startswith(f"gscli: error: the faiss engine needs faiss, which {said}")
    assert done.stderr.endswith(", or choose another engine\n")
    assert done.stderr.count("\n") == 1


def test_doctor_says_what_is_wrong_with_faiss(faked: tuple[dict[str, str], str], tmp_path: Path) -> None:
    env, said = faked
    done = gscli(env, tmp_path, "doctor", "--json")
    assert done.returncode == 0, done.stderr
    findings = {(f["kind"], f["name"]): f for f in json.loads(done.stdout)["findings"]}
    for kind in ("engine", "extra"):
        found = findings[kind, "faiss"]
        assert not found["works"]
        assert said.split(";")[0] in found["detail"]
        assert found["remedy"]


def test_doctor_names_the_versions_of_the_libraries_of_extras(tmp_path: Path) -> None:
    """Not what else a library calls its version: a module, of pye57."""
    done = gscli(surroundings(tmp_path), tmp_path, "doctor", "--json")
    works = [f["detail"] for f in json.loads(done.stdout)["findings"] if f["kind"] == "extra" and f["works"]]
    assert works
    for detail in works:
        assert re.match(r"[a-zA-Z0-9]+ \d[\w.+]*, ", detail), detail


@pytest.mark.parametrize("command", ["resample", "compare"])
def test_bench_leaves_out_what_needs_a_broken_torch(command: str, tmp_path: Path) -> None:
    env = surroundings(tmp_path)
    folder = fake(tmp_path / "fakes", "torch", BROKEN)
    small = ["--points", "1000", "--cells", "9"] if command == "resample" else ["--search-points", "100"]
    done = gscli(
        {**env, "PYTHONPATH": f"{folder}:{env['PYTHONPATH']}"},
        tmp_path,
        *("bench", command, "--points", "1000", *small, "--repeats", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert f"torch cannot be imported (RuntimeError: Failed to load: {CUBLAS})" in done.stdout


def test_every_library_of_a_format_can_be_told_from_others() -> None:
    needed = {package for format in FORMATS for package in (*format.requires, *format.optional)}
    assert needed <= set(libraries.PROOFS)


def test_a_format_refuses_files_where_its_library_is_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("PIL")
    monkeypatch.delitem(sys.modules, "PIL")
    monkeypatch.syspath_prepend(fake(tmp_path, "PIL", ""))
    with pytest.raises(EngineUnavailable, match=r"the format sog needs PIL, which is something else here"):
        FORMATS.get("sog").require("scene.sog")
    monkeypatch.delitem(sys.modules, "PIL")


@pytest.mark.parametrize("library", libraries.PROOFS)
def test_a_library_is_known_by_what_it_has(library: str) -> None:
    pytest.importorskip(library)
    assert libraries.trouble(library) is None


@pytest.mark.parametrize(
    ("code", "what", "remedy"),
    [
        ("raise OSError('x' * 999)", "cannot be imported (OSError: xxx", "mend its installation"),
        ("import not_there", "cannot be imported (ModuleNotFoundError: No module named", "mend"),
        ("", "is something else here (", "move that out of the way"),
    ],
)
@pytest.mark.parametrize("library", ["lazrs", "pykdtree.kdtree"])
def test_troubles_are_told_apart(
    library: str, code: str, what: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = library.partition(".")[0]
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.syspath_prepend(fake(tmp_path, name, code))
    found = libraries.trouble(library)
    assert found is not None
    assert found.what.startswith(what)
    assert len(found.what) < 300
    assert found.remedy.startswith(remedy)
    with pytest.raises(EngineUnavailable, match=f"^LAZ needs {name}, which .*; .*, or read LAS"):
        libraries.require(library, "LAZ", instead="read LAS")
    monkeypatch.delitem(sys.modules, name, raising=False)


def test_what_is_missing_can_be_got(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(EngineUnavailable, match=r"PIL, which is not installed; pip install pillow$"):
        libraries.require("PIL", "SOG")
    with pytest.raises(EngineUnavailable, match=r"which is not installed; ask, or do without$"):
        libraries.require("faiss", "it", get="ask", instead="do without")
