"""README, docs and --help tell the truth: everything is documented, and what they show is what happens."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest
from PIL import Image

from gscli import scene
from gscli.cli import main
from gscli.cli._valued_flag import ValuedFlag
from gscli.formats import FORMATS

from .conftest import require_kernels
from .update_docs import DOCUMENTS, ROOT, SCENE, Example, examples, run, updated
from .update_pictures import PICTURE, draw

DRAWS = re.compile(r"^gscli (demo|lod|render|simplify|view)\b|--render\b")
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in DOCUMENTS}


def commands(group: click.Group = main, *above: str) -> Iterator[tuple[str, click.Command]]:
    """Every command and its full name, those of groups included."""
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        yield " ".join([*above, name]), command
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


COMMANDS = dict(commands())


def says(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def help_examples(command: click.Command) -> list[list[str]]:
    """The arguments of each gscli command line under Example(s): in a command's help."""
    shown = re.split(r"^\s*Examples?:$", command.help or "", maxsplit=1, flags=re.MULTILINE)[1:]
    parts = (part.split("#")[0].strip() for lines in shown for part in re.split(r"[|\n]", lines))
    return [shlex.split(part)[1:] for part in parts if part.startswith("gscli ")]


@pytest.mark.parametrize("name", COMMANDS)
def test_documents_name_every_command_and_option(name: str) -> None:
    options = [p for p in COMMANDS[name].params if isinstance(p, click.Option)]
    longest = [max([*option.opts, *option.secondary_opts], key=len) for option in options]
    text = "".join(TEXTS.values())
    assert [word for word in (f"gscli {name}", *longest) if not says(text, word)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples_that_parse(name: str) -> None:
    shown = help_examples(COMMANDS[name])
    assert any(args[: len(name.split())] == name.split() for args in shown)
    for args in shown:
        command: click.Command | None = main
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), args[0])
            args = args[1:]
        assert command is not None
        command.make_context(name, args).close()


@pytest.mark.parametrize("name", ["", *(n for n, c in COMMANDS.items() if isinstance(c, click.Group))])
def test_a_list_of_commands_says_in_full_what_each_is_for(name: str) -> None:
    """In 80 columns; Click cuts longer summaries off with three dots."""
    group = COMMANDS[name] if name else main
    listed = group.get_help(click.Context(group, terminal_width=80)).partition("Commands:")[2]
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_in_80_columns(name: str) -> None:
    command = COMMANDS[name] if name else main
    lines = command.get_help(click.Context(command, terminal_width=80)).splitlines()
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize("name", [n for n, c in COMMANDS.items() if not isinstance(c, click.Group)])
def test_a_shell_completes_paths_where_paths_are_meant(name: str) -> None:
    """What ``--help`` calls a file or folder, every argument, and what follows a flag with a value."""
    ctx = click.Context(COMMANDS[name])
    for parameter in COMMANDS[name].params:
        called = parameter.make_metavar(*[ctx][: len(signature(parameter.make_metavar).parameters)])
        meant = isinstance(parameter, click.Argument | ValuedFlag) or re.match(
            "FILE|FOLDER|LOGDIR|REPORT|PATTERN", called
        )
        kinds = [item.type for item in parameter.shell_complete(ctx, "xy")]
        assert (kinds in (["file"], ["dir"])) == bool(meant), parameter.name


@pytest.mark.parametrize(
    ("name", "option", "word", "completed"),
    [
        ("compare", "engine", "k", ["kdtree"]),
        ("compare", "device", "t", ["torch-cpu"]),
        ("compare", "pair", "r", ["rows"]),
        ("resample", "method", "ha", ["half-density", "half"]),
        ("resample", "pick", "o", ["opacity"]),
        ("resample", "origin", "m", ["min"]),
        ("resample", "drop_invalid", "ga", ["gaussians"]),
        ("batch convert", "to", "sp", ["splat", "spz"]),
        ("batch convert", "to", ".np", ["npy", "npz"]),
    ],
)
def test_a_shell_completes_words_of_which_there_are_few(
    name: str, option: str, word: str, completed: list[str]
) -> None:
    (parameter,) = (p for p in COMMANDS[name].params if p.name == option)
    found = parameter.shell_complete(click.Context(COMMANDS[name]), word)
    assert [item.value for item in found] == completed


@pytest.mark.parametrize(
    "line", ["gscli batch jo", "gscli batch job.yaml --work", "gscli batch resmaple ", "gscli resample '' "]
)
def test_a_shell_completes_behind_what_is_wrong_or_not_there_yet(line: str) -> None:
    """Completion that ends in an error fills the terminal with a traceback."""
    asked = {"_GSCLI_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "gscli"], env={**os.environ, **asked}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "file," in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name: str) -> None:
    options = [p for p in COMMANDS[name].params if isinstance(p, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name: str) -> None:
    """Files exist, and so do the headings named after a #."""
    for link in re.findall(r"\]\((?!\w+:)([^)]+)\)", TEXTS[name]):
        path, _, heading = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if heading:
            lines = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            assert heading in [re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines], link


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if "```python" in text])
def test_python_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks of a document in order, in one namespace that holds only what a reader brings along."""
    torch = pytest.importorskip("torch")
    scene.write(tmp_path / "scene.ply", 2000)
    monkeypatch.chdir(tmp_path)
    coord = torch.rand(300, 3)
    model = torch.nn.Linear(3, 4)
    seen: list[int] = []
    given = {
        "coord": coord,
        "feat": torch.rand(300, 2),
        "labels": torch.arange(300) % 4,
        "epochs": 2,
        "model": lambda batch: model(batch["coord"]),
        "task": lambda out, batch: torch.nn.functional.cross_entropy(out, batch["segment"]),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "writer": lambda scalars, step: seen.append(step),
        "iterations": 501,
        "train": lambda step: None,
        "gaussians_a": SimpleNamespace(xyz=coord),
        "gaussians_b": SimpleNamespace(xyz=coord + 0.01),
        "image_a": torch.rand(3, 16, 16),
        "image_b": torch.rand(3, 16, 16),
    }
    before = model.weight.detach().clone()
    for block in re.findall(r"^```python\n(.*?)^```$", TEXTS[name], re.MULTILINE | re.DOTALL):
        exec(block, given)
    assert seen == ([0, 0, 500, 500] if "DisagreementMonitor" in TEXTS[name] else [])
    assert torch.equal(model.weight, before) == ("optimizer" not in TEXTS[name])
    assert (tmp_path / "view.ply").exists() == ("view.ply" in TEXTS[name])


@pytest.mark.parametrize("name", [name for name, text in TEXTS.items() if "```python" in text])
def test_python_writes_no_file_that_the_commands_before_it_wrote(name: str) -> None:
    """Whoever follows a document does all of it in one folder, and nothing is replaced without leave."""
    blocks = re.findall(r"^```python\n(.*?)^```$", TEXTS[name], re.MULTILINE | re.DOTALL)
    written = r"""(?:write\(|resample\("[^"]*", )"([^"]*)\""""
    names = {file for block in blocks for file in re.findall(written, block)}
    assert {word for example in examples(TEXTS[name]) for word in example.command.split()}.isdisjoint(names)
    assert bool(names) == (name == "README.md")


@pytest.mark.parametrize("name", TEXTS)
def test_commands_print_what_is_shown(name: str, tmp_path: Path) -> None:
    shutil.copy(SCENE, tmp_path)
    if name == "docs/formats.md" and (missing := [library for form in FORMATS for library in form.missing]):
        pytest.skip(f"it shows gscli with every library of a format, without {', '.join(missing)}")
    if any(DRAWS.search(example.command) for example in examples(TEXTS[name])):
        require_kernels()
    for example in examples(TEXTS[name]):
        output = run(example.command, tmp_path)
        assert "Traceback" not in output
        if not example.matches(output):
            pytest.fail(f"{name}:{example.line}: $ {example.command}\nprints now:\n{output}", pytrace=False)


DOCUMENT = """
```console
$ echo took 1.25 s; \\
  echo done >&2
took 0.5 s
done
$ seq 5
1
...
5
$ true
```
<!-- not run -->
```console
$ rm -r precious
```
```sh
$ no example
```
"""


def test_examples_are_found_with_their_output() -> None:
    first, second, third = examples(DOCUMENT)
    assert (first.command, first.output) == (
        "echo took 1.25 s; \\\n  echo done >&2",
        "took 0.5 s\ndone\n",
    )
    assert (second.command, second.line, third.output) == ("seq 5", 7, "")


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("took 0.12 s\n", "took 13 s\n", True),
        ("41 ms, 3.1 M points/s\n", "8 ms, 900 k points/s\n", True),
        ('{"timings_s": {"read": 0.1}, "n": 3}\n', '{"timings_s": {}, "n": 3}\n', True),
        ("a\n...\nz\n", "a\nb\nc\nz\n", True),
        ("22,229 points\n", "22,230 points\n", False),
        ("a\n", "a\nb\n", False),
        ("axb\n", "a.b\n", False),
    ],
)
def test_only_times_may_differ(shown: str, printed: str, same: bool) -> None:
    assert Example("", shown, 1, (0, 0)).matches(printed) is same


def test_updating_changes_only_what_is_out_of_date(tmp_path: Path) -> None:
    stale = DOCUMENT.replace("\ndone\n", "\nfinished\n").replace("$ true\n", "$ ls\n")
    right = DOCUMENT.replace("took 0.5 s", "took 1.25 s").replace("$ true\n", "$ ls\nscene.ply\n")
    assert updated(stale, tmp_path) == right


@pytest.mark.compiled
def test_the_first_picture_is_what_make_docs_draws() -> None:
    """Within what versions of the library that packs it differ by."""
    shown, drawn = (np.asarray(Image.open(data), float) for data in (PICTURE, io.BytesIO(draw())))
    assert shown.shape == drawn.shape
    assert np.abs(shown - drawn).mean() < 2
