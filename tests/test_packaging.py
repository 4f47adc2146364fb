"""What surrounds the code fits it: dependencies, licence, container."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gscli import neighbors
from gscli.doctor import EXTRAS
from gscli.errors import DISTRIBUTIONS

from .test_layers import MODULES, imports, text
from .update_docs import DOCUMENTS, ROOT, surroundings

PROVIDED_BY = {"yaml": "pyyaml", **DISTRIBUTIONS}  # where the names differ


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="reading pyproject.toml needs Python 3.11")
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return table


@pytest.fixture(scope="module")
def project(pyproject: dict[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = pyproject["project"]
    return table


def distributions(requirements: list[str]) -> set[str]:
    return {match[0].lower() for line in requirements if (match := re.match(r"[\w.-]+", line))}


def test_everything_imported_is_a_declared_dependency(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    declared = distributions(project["dependencies"]).union(
        *(distributions(extras[name]) for name in extras if name != "dev")
    )
    names = {name.split(".")[0] for module in MODULES for _, name in imports(text(module), module)}
    foreign = names - sys.stdlib_module_names - {"gscli"}
    assert {PROVIDED_BY.get(name, name).lower() for name in foreign} - declared == set()


def test_every_c_source_is_built_and_goes_into_the_sdist(pyproject: dict[str, Any]) -> None:
    (extension,) = pyproject["tool"]["setuptools"]["ext-modules"]
    named = {Path(name).name for name in extension["sources"] + extension["depends"]}
    assert named == {path.name for path in (ROOT / "gscli/_core").glob("*.[ch]")}
    assert {Path(name).suffix for name in extension["sources"]} == {".c"}


@pytest.mark.parametrize("compiler", ["here", "missing"])
def test_compiled_kernels_are_built_where_there_is_a_compiler(compiler: str, tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77")
    if compiler == "here" and not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    for name in ("pyproject.toml", "README.md", "LICENSE", "gscli"):
        ignored = shutil.ignore_patterns("*.so", "__pycache__")
        copy = partial(shutil.copytree, ignore=ignored) if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    env = {**os.environ, "GSCLI_CORE": "", "PYTHONPATH": ""} | (
        {"CC": "no-compiler"} if compiler == "missing" else {}
    )
    run = partial(
        subprocess.run, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=600
    )
    build = "import setuptools; setuptools.setup()"
    done = run([sys.executable, "-c", build, "build_ext", "--inplace"])
    assert done.returncode == 0, done.stderr
    show = "from gscli import _core; found = _core.trouble(); print(_core.__file__, found and found.what)"
    done = run([sys.executable, "-c", show])
    assert done.stdout.split(maxsplit=1)[0] == str(tmp_path / "gscli/_core/__init__.py"), done.stderr
    assert done.stdout.split(maxsplit=1)[1] == ("None\n" if compiler == "here" else "are not built\n")


def test_the_core_is_light(project: dict[str, Any]) -> None:
    assert distributions(project["dependencies"]) == {
        "numpy",
        "click",
        "tqdm",
        "pyyaml",
        "pykdtree",
        "zstandard",
        "pillow",
    }


def test_the_development_extra_has_every_other_extra(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    own = re.compile(rf"{project['name']}\[([\w,]+)\]")  # of which one is for some machines alone
    included = {name for line in extras["dev"] if (match := own.match(line)) for name in match[1].split(",")}
    assert included | {"dev", "torch", "gpu"} == set(extras)  # torch is pinned in dev; gpu excludes faiss-cpu


def test_every_faiss_that_an_extra_brings_is_told_from_the_others(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    brought = {name for extra in ("faiss", "gpu") for name in distributions(extras[extra]) if "faiss" in name}
    assert len(brought) == 2
    assert brought < set(neighbors.FAISS)


def test_doctor_looks_for_what_the_extras_bring(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    for extra, (packages, _) in EXTRAS.items():
        brought = distributions(extras[extra]) | ({"lazrs"} if extra == "formats" else set())
        assert {DISTRIBUTIONS.get(package, package) for package in packages} == brought


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_remedies_install_libraries_and_never_what_others_call_gscli(module: Path) -> None:
    """A stranger's distribution has that name, and a worker that is told to install it would."""
    assert re.findall(r"pip install[^\n`;,]*gscli|gscli\[", text(module)) == []


def test_documents_install_this_distribution_or_this_checkout(project: dict[str, Any]) -> None:
    examples = (path for path in (ROOT / "examples").rglob("*") if path.is_file() and path.suffix != ".pyc")
    for document in (*DOCUMENTS, ROOT / "CONTRIBUTING.md", ROOT / "Dockerfile", *examples):
        named = re.findall(r"pip install [^\n`#]*?(gscli[\w-]*)", document.read_text("utf-8"))
        assert set(named) <= {project["name"]}, document


def test_the_licence_is_whole() -> None:
    licence = (ROOT / "LICENSE").read_text("utf-8")
    assert licence.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert "END OF TERMS AND CONDITIONS" in licence


def stages() -> dict[str, list[list[str]]]:
    """The instructions of each stage of the Dockerfile as words, after those of the stage it builds on."""
    lines = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text("utf-8")).splitlines()
    found: dict[str, list[list[str]]] = {}
    current: list[list[str]] = []
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[:1] == ["FROM"]:
            current = list(found.get(words[1], []))
            found[words[3]] = current
        elif words:
            current.append(words)
    return found


def last(stage: str, instruction: str) -> str:
    return [" ".join(words[1:]) for words in stages()[stage] if words[0] == instruction][-1]


def in_context(path: str) -> bool:
    """Whether .dockerignore lets a path at the top of the checkout into the build."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if line and not line.startswith("#") and fnmatch(path, line.removeprefix("!").rstrip("/")):
            kept = line.startswith("!")
    return kept


def test_the_container_copies_what_exists() -> None:
    found = stages()
    copies = [words[1:] for stage in found.values() for words in stage if words[0] == "COPY"]
    sources = {path for words in copies if not words[0].startswith("--from=") for path in words[:-1]}
    origins = {words[0].removeprefix("--from=") for words in copies if words[0].startswith("--from=")}
    assert [path for path in sources if not (ROOT / path).exists() or not in_context(path)] == []
    assert origins - set(found) == set()


def test_the_container_installs_extras_that_exist(project: dict[str, Any]) -> None:
    asked = re.findall(r"\.\[([\w,]+)\]", (ROOT / "Dockerfile").read_text("utf-8"))
    assert len(asked) == 2
    assert set(",".join(asked).split(",")) - set(project["optional-dependencies"]) == set()


@pytest.mark.parametrize("stage", ["cpu", "cuda"])
def test_the_container_runs_gscli_in_data_as_nobody_special(stage: str) -> None:
    assert last(stage, "ENTRYPOINT") == "[gscli]"
    assert last(stage, "WORKDIR") == "/data"
    assert int(last(stage, "USER")) >= 1000


def test_the_container_without_a_target_is_the_one_for_cpus() -> None:
    assert list(stages())[-1] == "cpu"


def test_the_dockerfile_is_sound() -> None:
    hadolint = shutil.which("hadolint", path=surroundings(ROOT)["PATH"])
    if hadolint is None:
        pytest.skip("needs hadolint")
    done = subprocess.run(
        [hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout + done.stderr == ""
