from __future__ import annotations

import inspect
import os
import re
import signal
from collections import Counter
from collections.abc import Callable, Generator
from functools import partialmethod
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import settings

from gscli import _core, fields
from gscli.cloud import GaussianCloud

IN_CI = os.environ.get("CI") == "true"
MAY_BE_MISSING = re.compile(  # in CI; what is skipped there for any other reason fails
    "GPU|CUDA"
    "|root (may|can|makes|writes)"  # tests for root and tests for everybody else
    "|Open3D"  # half a gigabyte, and not for every Python
    "|gltf-validator"  # of npm
    "|pye57"  # not built for every processor
    "|sample data"  # made by others, and so in no clone
    "|Python 3.11|reads /proc|needs /dev/|needs named pipes|limits the size"  # other systems
    "|the system (keeps|takes)"  # disks in memory, and systems that do not read ahead
)


def present_in_ci(report: Any) -> Any:
    """A report of what was skipped in CI for lack of something that CI has to bring, as a failure."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        path, line, reason = report.longrepr
        if not MAY_BE_MISSING.search(reason):
            report.outcome = "failed"
            report.longrepr = f"{path}:{line}: {reason}; CI has to bring it"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    return present_in_ci((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    return present_in_ci((yield))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--each-value",
        type=int,
        metavar="TIMES",
        help="Of tests that try products of parameters run as few cases as have each value this often.",
    )


@pytest.hookimpl(trylast=True)  # once -k and -m have chosen
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out cases of which every value is in enough others, chosen evenly and always the same.

    Those that lack compiled kernels come last: they are skipped, and try no value.
    """
    if (times := config.getoption("each_value")) is None:
        return

    def place(item: pytest.Item) -> tuple[bool, int]:
        skipped = item.get_closest_marker("compiled") is not None and not _core.available()
        return skipped, crc32(item.nodeid.encode())

    counts: Counter[tuple[str, str, int]] = Counter()
    kept = set()
    for item in sorted(items, key=place):
        values = item.callspec.params if hasattr(item, "callspec") else {}
        keys = [(item.nodeid.partition("[")[0], name, id(value)) for name, value in values.items()]
        if not keys or min(counts[key] for key in keys) < times:
            counts.update(keys)
            kept.add(item)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def pytest_configure() -> None:
    """No test counts on a clock, threads wait asleep, processes do not ignore SIGINT, stderr stands apart.

    OpenMP's would take a core from the tests beside them; a shell's job in the background would ignore
    SIGINT; Click before 8.2 would not keep stderr from stdout.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    settings.register_profile("gscli", deadline=None)
    settings.load_profile("gscli")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "mix_stderr" in inspect.signature(CliRunner).parameters:
        CliRunner.__init__ = partialmethod(CliRunner.__init__, mix_stderr=False)  # type: ignore[assignment]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("compiled"):
        require_kernels()


def require_kernels() -> None:
    """Skip a test where there are no compiled kernels."""
    if found := _core.trouble():
        pytest.skip(f"compiled kernels {found.what}")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Real files made by others, kept beside the repository and never in it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no sample data in {folder}")
    return folder


@pytest.fixture(
    params=[
        pytest.param("compiled", marks=pytest.mark.compiled),
        pytest.param("without", marks=pytest.mark.uncompiled),
    ]
)
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Makes a test run twice: with compiled kernels, and as where there are none."""
    if request.param == "without":
        monkeypatch.setattr(_core, "available", lambda: False)
    return str(request.param)


@pytest.fixture
def three_scenes(
    tmp_path: Path, make_scene: Callable[..., GaussianCloud], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with three files in ``scenes``; it is the current one."""
    from gscli.formats import ply

    (tmp_path / "scenes").mkdir()
    for number in range(3):
        ply.write(tmp_path / "scenes" / f"s{number}.ply", make_scene(200 + number, seed=number))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def random_scene(n: int = 500, degree: int = 1, seed: int = 0, normals: bool = True) -> GaussianCloud:
    """Gaussians as a training run leaves them: clustered positions, raw values, float32."""
    rng = np.random.default_rng(seed)
    names: list[str] = [*fields.POSITION, *(fields.NORMAL if normals else ()), *fields.SH_DC]
    names += [*fields.sh_rest(degree), fields.OPACITY, *fields.SCALE, *fields.ROTATION]
    rows: np.ndarray[Any, Any] = np.zeros(n, [(name, "<f4") for name in names])
    for name in names:
        rows[name] = rng.normal(size=n)
    centres = rng.uniform(-5, 5, (8, 3))
    xyz = centres[rng.integers(0, 8, n)] + rng.normal(0, 0.3, (n, 3))
    for axis, name in enumerate(fields.POSITION):
        rows[name] = xyz[:, axis]
    for name in fields.NORMAL if normals else ():
        rows[name] = 0
    for name in fields.SCALE:
        rows[name] = rng.normal(-4, 1, n)
    return GaussianCloud(rows)


@pytest.fixture(scope="session")
def make_scene() -> Callable[..., GaussianCloud]:
    """`random_scene`, for tests to make their own with."""
    return random_scene


@pytest.fixture(scope="session")
def scene(make_scene: Callable[..., GaussianCloud]) -> GaussianCloud:
    """500 Gaussians of SH degree 1."""
    return make_scene()


@pytest.fixture
def scene_file(scene: GaussianCloud, tmp_path: Path) -> Path:
    """`scene` as a binary PLY file."""
    from gscli.formats import ply

    path = tmp_path / "scene.ply"
    ply.write(path, scene)
    return path
