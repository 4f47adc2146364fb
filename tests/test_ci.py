"""In CI nothing that a test needs may be missing in silence; and what is left out there is tried in part."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .update_docs import ROOT

HOOKS = "from tests.conftest import pytest_make_collect_report, pytest_runtest_makereport\n"
TESTS = """
import pytest

def test_that_works():
    pass

def test_of_a_gpu():
    pytest.skip("no GPU here")

def test_of_a_program():
    pytest.skip("needs a program")

def test_of_a_module():
    pytest.importorskip("a_module_that_is_not_there")

@pytest.mark.xfail(reason="not done yet", strict=True)
def test_of_the_future():
    assert False
"""


@pytest.mark.parametrize("in_ci", [True, False])
def test_what_is_missing_fails_in_ci_and_is_skipped_elsewhere(in_ci: bool, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(HOOKS)
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "test_all.py").write_text(
        "import pytest\npytest.importorskip('a_module_that_is_not_there')\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    done = subprocess.run(
        [*command, "-q", "-rs", f"--rootdir={tmp_path}", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "CI": "true" if in_ci else "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    counted = done.stdout.splitlines()[-1].partition(" in ")[0]
    if in_ci:
        assert counted == "2 failed, 1 passed, 1 skipped, 1 xfailed, 1 error"
        assert done.stdout.count("CI has to bring it") == 3
    else:
        assert counted == "1 passed, 4 skipped, 1 xfailed"


PRODUCT = """
import pytest

@pytest.fixture(params=[pytest.param("x", marks=pytest.mark.compiled), "y"])
def letter(request):
    return request.param

@pytest.mark.parametrize("number", range(10))
def test_products(letter, number):
    print(letter, number)

@pytest.mark.parametrize("number", range(3))
def test_lists(number):
    pass

def test_alone():
    pass
"""


def tried(folder: Path, *args: str, **env: str) -> list[str]:
    """The cases that pass, of the tests above."""
    (folder / "conftest.py").write_text(
        "from tests.conftest import pytest_addoption, pytest_collection_modifyitems, pytest_runtest_setup\n"
    )
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = compiled")
    (folder / "test_some.py").write_text(PRODUCT)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", f"--rootdir={folder}", *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return re.findall(r"::test_(\S+) PASSED", done.stdout)


@pytest.mark.compiled
@pytest.mark.parametrize(("times", "most"), [(1, 11), (2, 20)])
def test_each_value_of_a_product_is_tried_as_often_as_asked_for(
    times: int, most: int, tmp_path: Path
) -> None:
    passed = tried(tmp_path, "--each-value", str(times))
    products = [re.findall(r"products\[(\w)-(\d)\]", name)[0] for name in passed if "products" in name]
    assert {number for _, number in products} == set("0123456789")
    assert {letter for letter, _ in products} == {"x", "y"}
    assert 10 * times <= len(products) <= most
    assert {"lists[0]", "lists[1]", "lists[2]", "alone"} < {*passed}


@pytest.mark.parametrize(
    ("args", "env"), [(["-k", "not x"], {}), ([], {"GSCLI_CORE": "0"})], ids=["chosen", "without kernels"]
)
def test_what_does_not_run_tries_no_value(args: list[str], env: dict[str, str], tmp_path: Path) -> None:
    passed = tried(tmp_path, "--each-value", "1", *args, **env)
    assert {f"products[y-{number}]" for number in range(10)} < {*passed}


MAKE = """#!/usr/bin/env bash
for target in "${@:2}"; do
    case $target in
        "$FAILING") echo "$target failed"; exit 2 ;;
        sanitized) echo $$ >beside; sleep "$AT_WORK" ;;
        oldest) until [ "$AT_WORK" = 0 ] || [ -s beside ]; do sleep 0.01; done ;;
    esac
done
echo "${*:2} passed"
"""


def checked(folder: Path, failing: str, at_work: int) -> subprocess.CompletedProcess[str]:
    """`.ci/run` of a make that fails at one target, with another one at work beside it for some seconds."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci")
    for name, text in {"make": MAKE, "id": "#!/bin/sh\necho 1000\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [folder / ".ci" / "run"],
        env={**os.environ, "PATH": path, "FAILING": failing, "AT_WORK": str(at_work)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("failing", ["lint", "sanitized", "newest", "test", ""])
def test_a_run_fails_with_any_of_its_checks_and_ends_with_the_tests(failing: str, tmp_path: Path) -> None:
    done = checked(tmp_path, failing, at_work=0)
    passed = done.stdout.splitlines()[-1] == "test passed"
    assert (done.returncode, passed) == ((2, False) if failing else (0, True))


def test_no_check_outlives_a_run_that_failed(tmp_path: Path) -> None:
    """Its stdout, which ends with whoever may write to it, would be waited for in vain."""
    assert checked(tmp_path, "newest", at_work=90).returncode == 2
