"""Run the documents' examples. As a script, write what they print into them: python tests/update_docs.py

An example is a fenced block marked ``console``: lines that start with ``$ ``, continued while they end in
a backslash, each followed by what it prints to stdout and stderr. Those of a document run in order in a
folder of their own that holds scene.ply. A line ``...`` stands for any lines. Seconds and rates may
differ. A block after ``<!-- not run -->`` is left alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("docs", "benchmarks", "examples")
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.md"))),
)
SCENE = ROOT / "tests" / "data" / "scene.ply"
BLOCK = re.compile(r"(?P<skip><!-- not run -->\s*)?^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.MULTILINE)
VARYING = (
    (re.compile(r'"timings_s": \{[^}]*\}'), '"timings_s": {}'),
    (re.compile(r"\b\d[\d.,]*(e-?\d+)? ?([kMG]? ?\w*/)?(s|ms)\b"), "# s"),
    (re.compile(r"[ \t]+"), " "),  # a column may grow with a number in it
)


@dataclass(frozen=True)
class Example:
    """A command of a document, what it says the command prints, and where it says so."""

    command: str
    output: str
    line: int
    span: tuple[int, int]

    def matches(self, output: str) -> bool:
        lines = normal(self.output).splitlines(keepends=True)
        wanted = "".join("(.*\n)*" if line == "...\n" else re.escape(line) for line in lines)
        return re.fullmatch(wanted, normal(output)) is not None


def examples(text: str) -> list[Example]:
    """The examples of a document, in order, less those not to be run."""
    found = []
    for block in BLOCK.finditer(text):
        if block["skip"]:
            continue
        start = block.start("body")
        for part in COMMAND.finditer(block["body"]):
            span = (start + part.start("output"), start + part.end("output"))
            line = text.count("\n", 0, start + part.start()) + 1
            found.append(Example(part["command"], part["output"], line, span))
    return found


def normal(output: str) -> str:
    """Output without what varies from run to run."""
    for pattern, instead in VARYING:
        output = pattern.sub(instead, output)
    return output


def surroundings(folder: Path) -> dict[str, str]:
    """The environment in which ``gscli`` is this checkout's, with a cache of its own in `folder`."""
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "GSCLI_CACHE_DIR": str(folder / ".cache"),
        "COLUMNS": "80",
    }


def run(command: str, folder: Path) -> str:
    """What a shell command prints in `folder`."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=surroundings(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    return "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())


def updated(text: str, folder: Path) -> str:
    """A document with the output of those of its examples that print something else now."""
    shutil.copy(SCENE, folder)
    fresh = [(example, run(example.command, folder)) for example in examples(text)]
    for example, output in reversed(fresh):
        if not example.matches(output):
            start, stop = example.span
            text = text[:start] + output + text[stop:]
    return text


if __name__ == "__main__":
    for document in DOCUMENTS:
        with tempfile.TemporaryDirectory() as scratch:
            document.write_text(updated(document.read_text("utf-8"), Path(scratch)), "utf-8")
