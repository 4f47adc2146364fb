"""The image builds and runs by the very commands that README shows, and gives the bytes given here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gscli.resample import resample

from .update_docs import BLOCK, COMMAND, ROOT, SCENE, run, surroundings

STAND_IN = ROOT / "tests" / "container"


@pytest.fixture(scope="module")
def search_path() -> str:
    """Where a shell finds docker: an engine that runs, or what stands in for one."""
    found = surroundings(ROOT)["PATH"]
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True).returncode == 0:
        return found
    if os.geteuid() or not shutil.which("buildah") or not shutil.which("debootstrap"):
        pytest.skip("needs a Docker engine, or buildah and debootstrap for root")
    return os.pathsep.join([str(STAND_IN), found])


def shell(command: str, folder: Path, search_path: str) -> str:
    """What a command that works prints to stdout."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=surroundings(folder) | {"PATH": search_path},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown_commands() -> list[str]:
    """README's commands with docker in them."""
    blocks = BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))
    commands = [part["command"] for block in blocks for part in COMMAND.finditer(block["body"])]
    return [command for command in commands if "docker" in command]


def test_the_image_thins_and_looks_at_a_scene_as_readme_says(search_path: str, tmp_path: Path) -> None:
    shutil.copy(SCENE, tmp_path)
    build, thin, look = (command for command in shown_commands() if "cuda" not in command)
    shell(build, ROOT, search_path)
    shell(thin, tmp_path, search_path)
    resample(SCENE, tmp_path / "here.ply")
    assert (tmp_path / "half.ply").read_bytes() == (tmp_path / "here.ply").read_bytes()
    assert (tmp_path / "half.ply").stat().st_uid == os.geteuid()
    assert shell(look, tmp_path, search_path) == run("cat scene.ply | gscli info -", tmp_path)


def test_the_example_thins_a_folder_in_a_container(search_path: str, tmp_path: Path) -> None:
    (tmp_path / "scenes").mkdir()
    for name in ("a", "b"):
        shutil.copy(SCENE, tmp_path / "scenes" / f"{name}.ply")
    shell(f"{ROOT}/examples/batch/docker.sh .", tmp_path, search_path)
    assert sorted(path.name for path in (tmp_path / "half").glob("*.ply")) == ["a.ply", "b.ply"]


def test_the_dockerfile_and_readme_show_the_same_commands() -> None:
    comment = re.findall(r"^#   (.*)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert comment == shown_commands()


def test_every_image_is_looked_at_as_it_is_built_and_that_for_gpus_can_launch_kernels() -> None:
    stages = dict(
        re.findall(
            r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", (ROOT / "Dockerfile").read_text("utf-8"), re.M | re.S
        )
    )
    for name in ("cpu", "cuda"):
        assert re.search(rf"^COPY --from=build-{name} .*\nRUN gscli doctor", stages[name], re.MULTILINE)
    assert "gcc libc6-dev" in stages["cuda"]
    assert "gcc" not in stages["cpu"]
    assert "TRITON_CACHE_DIR=/cache/" in stages["cuda"]
