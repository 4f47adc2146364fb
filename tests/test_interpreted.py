"""Kernels in Triton, where there is no GPU: their tests in a process that interprets them, on tiny clouds.

Whether a kernel is compiled or interpreted is settled when it is imported, so that it takes a process of its
own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from .update_docs import ROOT

ONCE = ("--each-value", "1")  # of products, each value; a GPU tries them all
TESTS = {  # by what they are of, arguments of pytest
    "the walk": ["tests/neighbors/test_triton_walk_engine.py", *ONCE],
    "counted cells": ["tests/kernels/test_cellsize.py", "-k", "torch_has_the_words"],
    "grids": ["tests/kernels/test_torch_cells.py", "-k", "triton"],
    "draws": ["tests/training/test_together.py", "-k", "not torch", *ONCE],
    "pictures": [
        *("tests/rasterizers/test_rasterizers.py", "tests/simplifying/test_drawing.py"),
        *("tests/rasterizers/test_on_a_gpu.py", "tests/kernels/test_less_memory.py"),
        *("-k", "(triton or a_gpu or less_memory) and not large"),
    ],
    "an engine": [
        "tests/neighbors/test_engines.py",
        "-k",
        "triton-walk and not bit_equal and not any_number and not progress",
    ],
}


@pytest.mark.parametrize("name", TESTS)
def test_kernels_are_right_where_they_are_interpreted(name: str) -> None:
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *TESTS[name]],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "1", "CI": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout.splitlines()[-1])
    assert passed is not None
    assert int(passed[1]) >= 8
    for line in re.findall(r"^SKIPPED.*", done.stdout, re.MULTILINE):
        assert "GPU here" in line, line
