"""The versions that pyproject.toml promises, each tested in an environment of its own.

nox                                             all: every Python, the core or all extras, oldest or newest
nox --list                                      what there is
nox -s 'tests-3.13(extras, newest)'             one of them
nox -s 'tests-3.10(core, oldest)' -- -k cells   with arguments for pytest
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import nox

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# Where the oldest version that pyproject.toml allows came out before that Python did.
FIRST_WHEELS = {"3.12": {"pyyaml": "6.0.1"}, "3.13": {"numpy": "2.1.0", "pyyaml": "6.0.2"}}

if "PYENV_VERSION" not in os.environ and shutil.which("pyenv"):
    # The python3.10 that pyenv has on PATH starts only where that version is chosen: choose all there are.
    installed = subprocess.run(["pyenv", "versions", "--bare"], capture_output=True, text=True, check=False)
    known = [name for name in installed.stdout.split() if name.rpartition(".")[0] in PYTHONS]
    os.environ["PYENV_VERSION"] = ":".join(known)


def oldest(python: str) -> list[str]:
    """The core's dependencies at the oldest versions that are allowed and can be installed."""
    lines = nox.project.load_toml("pyproject.toml")["project"]["dependencies"]
    floors = dict(re.fullmatch(r"([\w-]+)>=([\d.]+)", line).groups() for line in lines)
    floors |= FIRST_WHEELS.get(python, {})
    return [f"{name}=={version}" for name, version in floors.items()]


@nox.session(python=PYTHONS)
@nox.parametrize("versions", ["oldest", "newest"], ids=["oldest", "newest"])
@nox.parametrize("extra", ["test", "dev"], ids=["core", "extras"])
def tests(session: nox.Session, extra: str, versions: str) -> None:
    """All tests, without or with optional libraries, with the core's oldest or newest versions."""
    session.install("--editable", f".[{extra}]", *(oldest(session.python) if versions == "oldest" else []))
    # In CI a test fails that lacks something; what the core lacks is skipped wherever it runs.
    env = {"CI": ""} if extra == "test" else {}
    if versions == "oldest":
        env |= {"CI": "", "GSCLI_CORE": "0"}  # as where there is no C compiler
    session.run("python", "-m", "pytest", "-n", "2", "--dist", "worksteal", *session.posargs, env=env)
