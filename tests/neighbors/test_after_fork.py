"""Engines answer in forked processes of one that searched before, where OpenMP's threads are missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gscli import scene
from gscli.info import info

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60

SEARCHING = """
import multiprocessing, os, sys
import numpy as np
from concurrent.futures import ProcessPoolExecutor
from gscli import neighbors

targets, queries = np.random.default_rng(0).random((2, 5000, 3))

def search(_):
    found = neighbors.ENGINES.get(sys.argv[1]).index(targets).nearest(queries)
    return found.distances.tobytes() + found.rows.tobytes()

forking = multiprocessing.get_context("fork")
here = search(0)
{ask}
assert answers == [here] * 3
"""
POOL = "with forking.Pool(2) as pool: answers = pool.map(search, range(3))"
EXECUTOR = "with ProcessPoolExecutor(2, forking) as pool: answers = list(pool.map(search, range(3)))"
BARE = """
answers = []
for _ in range(3):
    ours, theirs = os.pipe()
    if os.fork() == 0:
        with os.fdopen(theirs, "wb") as out: out.write(search(0))
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe: answers.append(pipe.read())
"""


def run(script: str, *args: str | Path) -> None:
    """Run a script with threads for OpenMP, whatever this machine has, and end it if it hangs."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "3"}
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", script, *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=env, text=True, start_new_session=True, **pipes) as process:
        try:
            _, said = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            pytest.fail("it hangs")
    assert process.returncode == 0, said


@pytest.mark.once
@pytest.mark.parametrize("ask", [POOL, EXECUTOR, BARE], ids=["pool", "executor", "fork"])
@pytest.mark.parametrize("engine", ["faiss", "kdtree", "torch-tree"])  # CUDA survives no fork
def test_a_forked_process_finds_what_its_parent_does(engine: str, ask: str) -> None:
    pytest.importorskip({"kdtree": "pykdtree", "torch-tree": "torch"}.get(engine, engine))
    run(SEARCHING.replace("{ask}", ask), engine)


TOOLS = """
import multiprocessing, sys
from pathlib import Path
from pykdtree.kdtree import KDTree
import numpy as np

points = np.random.default_rng(0).random((5000, 3))
KDTree(points).query(points)  # the parent knows nothing of gscli, and has OpenMP's threads nevertheless

def tools(path):
    from gscli.compare import compare
    from gscli.coprune import coprune
    from gscli.info import info
    compare(path, path)
    coprune(path, path, threshold=0.1, min_points=1, out_dir=path + ".pruned")
    return info(path).spacing

with multiprocessing.get_context("fork").Pool(1) as pool:
    (spacing,) = pool.map(tools, sys.argv[1:2])
assert spacing == float(sys.argv[2])
"""


def test_tools_work_in_a_pool_of_a_parent_that_used_openmp_without_gscli(tmp_path: Path) -> None:
    path = tmp_path / "scene.ply"
    scene.write(path, 3000, sh_degree=0)
    run(TOOLS, path, repr(info(path).spacing))


def test_an_error_in_a_forked_process_is_the_engines_own(tmp_path: Path) -> None:
    script = SEARCHING.partition("forking =")[0] + (
        "from gscli.errors import InputError\n"
        "search(0)\n"
        "targets = targets[:0]\n"
        "if os.fork(): sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))\n"
        "try: search(0)\n"
        "except InputError: os._exit(0)\n"
    )
    run(script, "kdtree")
