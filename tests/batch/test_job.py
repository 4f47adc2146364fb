from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from gscli.batch import job
from gscli.errors import InputError


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "job.yaml"


def test_values_are_the_text_that_was_written(written: Path) -> None:
    written.write_text("operation: resample\nratio: 1:30\nseed: 010\norigin: 0,0,0\nmethod: [half, 'no']\n")
    assert job.read(str(written)).settings == {
        "ratio": "1:30",
        "seed": "010",
        "origin": "0,0,0",
        "method": ["half", "no"],
    }


def test_variables_are_expanded_only_when_asked(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENES", "/data/scenes")
    text = "operation: info\ninputs: ['${SCENES}/*.ply', $SCENES]\n"
    written.write_text(text)
    assert job.read(str(written)).settings["inputs"] == ["${SCENES}/*.ply", "$SCENES"]
    written.write_text(text + "expand-env: true\n")
    assert job.read(str(written)).settings["inputs"] == ["/data/scenes/*.ply", "$SCENES"]
    monkeypatch.delenv("SCENES")
    with pytest.raises(InputError, match=r"line 2: \$\{SCENES\} is not set"):
        job.read(str(written))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("inputs: x\n", "says no operation"),
        ("operation: info\nseed: 1\nseed: 2\n", "line 3: 'seed' is there twice"),
        ("operation: info\nratio: {low: 1}\n", "line 2: expected a text"),
        ("operation: info\nseed:\n", "line 2: expected a text"),
        ("operation: info\nexpand-env: maybe\n", "line 2: expand-env is true or false"),
        ("- info\n", "is no mapping"),
        ("", "is no mapping"),
        ("operation: [\n", "is no YAML"),
        ("operation: ifno\n", "line 1: no such operation 'ifno'; did you mean info?"),
        ("operation: info\nout-dir: ''\n", "line 2: out-dir is empty"),
        ("operation: resample\nmethod: []\n", "line 2: method is empty"),
        ("operation: resample\nmethod: [half, '']\n", "line 2: method is empty"),
        ("operation: info\nexpand-env: true\nout-dir: ${NOTHING}\n", "line 3: out-dir is empty"),
        ("operation: info\nout-dir: ~/half\n", "line 2: ~ is not expanded here"),
        ("operation: info\ninputs: [a.ply, ~/b.ply]\n", "line 2: ~ is not expanded here"),
        ("operation: info\nx: !!python/object:os.system {}\n", "line 2"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    written: Path, text: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTHING", "")
    written.write_text(text)
    with pytest.raises(InputError, match=re.escape(complaint)):
        job.read(str(written))


def test_a_key_that_nothing_reads_is_refused_with_the_nearest_one(written: Path) -> None:
    written.write_text("operation: info\nmin_fitnes: 1\n")
    with pytest.raises(InputError, match="line 2: unknown key 'min_fitnes'; did you mean min-fitness"):
        job.read(str(written)).refuse_unknown(["inputs", "min-fitness", "max-rmse"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("operation: info\ninputs: " + "[" * 50_000, "nested too deeply"),
        ("# " + "a" * (1 << 17) + "\noperation: info\n", "more than the 131,072 bytes"),
    ],
    ids=["deep", "long"],
)
def test_a_file_that_asks_for_much_is_refused(written: Path, text: str, complaint: str) -> None:
    written.write_text(text)
    with pytest.raises(InputError, match=complaint):
        job.read(str(written))


def test_a_pipe_or_a_device_is_not_waited_for(written: Path) -> None:
    os.mkfifo(written)
    with pytest.raises(InputError, match="is a pipe or device, no file"):
        job.read(str(written))
    with pytest.raises(InputError, match="is a pipe or device, no file"):
        job.read("/dev/zero")
