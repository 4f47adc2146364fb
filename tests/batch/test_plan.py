from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gscli.batch.patterns import Found, Pattern, find, listed
from gscli.batch.plan import plan
from gscli.batch.tasks import Input, Task, shard
from gscli.errors import InputError, UsageError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files of different sizes: a/x.ply, a/y.ply, a/deep/x.ply, b/x.ply, b/odd[1].ply, notes.txt."""
    names = ("a/x.ply", "a/y.ply", "a/deep/x.ply", "b/x.ply", "b/odd[1].ply", "notes.txt")
    for size, name in enumerate(names, start=1):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def relative(*patterns: str, **options: Any) -> list[str]:
    return [found.relative for found in find([Pattern(p) for p in patterns], **options)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a/*.ply", ["x.ply", "y.ply"]),
        ("a/**/*.ply", ["deep/x.ply", "x.ply", "y.ply"]),
        ("*/x.ply", ["a/x.ply", "b/x.ply"]),
        ("./a/../a/*.ply", ["x.ply", "y.ply"]),
        ("a/deep/x.ply", ["x.ply"]),
        ("b/odd[1].ply", ["odd[1].ply"]),
        ("b/odd[[]?].ply", ["odd[1].ply"]),
        ("?/", ["b"]),
    ],
)
def test_inputs_are_laid_out_below_the_part_without_wildcards(
    tree: Path, pattern: str, expected: list[str]
) -> None:
    assert relative(pattern) == expected


def test_a_match_of_two_patterns_is_one_input(tree: Path) -> None:
    assert relative("a/*.ply", "a/x.ply") == ["x.ply", "y.ply"]


def test_a_pattern_without_a_match_is_a_bad_input(tree: Path) -> None:
    with pytest.raises(InputError, match="matches no file"):
        relative("a/*.spz")


def test_pipes_and_devices_match_only_by_their_names(tree: Path) -> None:
    """A pipe that nobody writes to would hold a worker for ever."""
    os.mkfifo(tree / "a" / "pipe.ply")
    (tree / "a" / "zero.ply").symlink_to("/dev/zero")
    assert relative("a/*.ply") == ["x.ply", "y.ply"]
    assert relative("a/pipe.ply") == ["pipe.ply"]


def test_outputs_of_an_earlier_run_are_no_inputs(tree: Path) -> None:
    assert relative("**/*.ply", outside="a") == ["b/odd[1].ply", "b/x.ply"]


def test_a_list_is_laid_out_as_it_is_written(tree: Path) -> None:
    lines = b"./a/deep/x.ply\nb/x.ply\n\n"
    assert [f.relative for f in find(listed(lines))] == ["a/deep/x.ply", "b/x.ply"]
    assert [f.relative for f in find(listed(lines.replace(b"\n\n", b"\n").replace(b"\n", b"\0")))] == [
        "a/deep/x.ply",
        "b/x.ply",
    ]


def test_a_list_may_not_lead_out_of_its_folder(tree: Path) -> None:
    with pytest.raises(UsageError, match="is not below"):
        find(listed(b"../elsewhere.ply\n"))


def resampling(*patterns: str, **options: Any) -> list[Task]:
    layout = {k: options.pop(k) for k in ("relative_to",) if k in options}
    inputs = find([Pattern(p) for p in patterns], **layout)
    return plan("resample", inputs, options, folder="out")


def outputs(tasks: list[Task]) -> list[str]:
    return [os.path.relpath(path) for task in tasks for path in task.outputs]


def test_one_draw_keeps_the_name_of_its_scene(tree: Path) -> None:
    assert outputs(resampling("a/**/*.ply")) == ["out/deep/x.ply", "out/x.ply", "out/y.ply"]


def test_several_draws_and_their_rows_are_named_apart(tree: Path) -> None:
    tasks = resampling("a/deep/*.ply", method=["half-density", "dense"], repeat=2, index="rows")
    names = ["x.half-density.e0", "x.half-density.e1", "x.dense.e0"]
    assert outputs(tasks) == [f"out/{n}.ply" for n in names] + [f"rows/{n}.npy" for n in names]


def test_two_inputs_for_one_output_are_refused(tree: Path) -> None:
    with pytest.raises(UsageError, match=r"would be written twice.*relative_to"):
        resampling("a/x.ply", "b/x.ply")
    assert outputs(resampling("a/x.ply", "b/x.ply", relative_to=".")) == ["out/a/x.ply", "out/b/x.ply"]


def test_an_output_may_not_be_an_input(tree: Path) -> None:
    with pytest.raises(UsageError, match="is an input and would be overwritten"):
        plan("resample", find([Pattern("a/*.ply")]), {}, folder="a")


def test_a_path_that_cannot_be_is_a_bad_input(tree: Path) -> None:
    with pytest.raises(InputError, match="embedded null byte"):
        resampling("a/\0.ply")


def test_bad_options_are_refused_before_anything_runs(tree: Path) -> None:
    with pytest.raises(UsageError, match="ratio"):
        resampling("a/*.ply", ratio=(0.9, 0.1))
    with pytest.raises(UsageError, match="no effect"):
        resampling("a/*.ply", method=["dense"], seed=1)


def test_scenes_are_paired_by_name_whatever_their_format_and_draw(tree: Path) -> None:
    inputs = [Found("/new/a/x.spz", "a/x.spz"), Found("/new/a/x.dense.e0.ply", "a/x.dense.e0.ply")]
    for one in inputs:
        path = tree / one.relative
        path.touch()
    inputs = [Found(str(tree / one.relative), one.relative) for one in inputs]
    against = [Found(str(tree / "a/x.ply"), "a/x.ply"), Found(str(tree / "b/x.ply"), "b/x.ply")]
    tasks = plan("compare", inputs, {}, against=against)
    assert [task.inputs[1].path for task in tasks] == [str(tree / "a/x.ply")] * 2


def test_a_scene_without_a_partner_is_refused(tree: Path) -> None:
    with pytest.raises(InputError, match="no partner in reference"):
        plan("compare", find([Pattern("*/x.ply")]), {}, against=find([Pattern("a/*.ply")]))


def test_one_reference_serves_all(tree: Path) -> None:
    tasks = plan("compare", find([Pattern("a/*.ply")]), {}, against=find([Pattern("b/x.ply")]))
    assert {task.inputs[1].path for task in tasks} == {str(tree / "b/x.ply")}


def test_a_task_survives_being_written_down(tree: Path) -> None:
    for task in resampling("a/**/*.ply", ratio=(0.25, 0.5)):
        assert Task.from_line(task.line()) == task


def test_ids_are_harmless_file_names_and_stay(tree: Path) -> None:
    wild = tree / "a" / ("~ $(x) " + "n" * 200 + ".ply")
    wild.touch()
    (task,) = plan("info", [Found(str(wild), "a/" + wild.name)], {})
    assert task.id.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert len(task.id) < 80
    (again,) = plan("info", [Found(str(tree / "a/x.ply"), "a/" + wild.name)], {})
    assert again.id == task.id


def made(sizes: list[int]) -> list[Task]:
    return [Task(f"t{i:02}", "info", (Input(f"/{i}", size, 0),)) for i, size in enumerate(sizes)]


@pytest.mark.parametrize("of", [1, 2, 3, 7, 40])
def test_shards_are_all_tasks_each_once(of: int) -> None:
    tasks = made([(7 * i) % 13 for i in range(29)])
    parts = [shard(tasks, number, of) for number in range(1, of + 1)]
    assert sorted(task.id for part in parts for task in part) == [task.id for task in tasks]


def test_shards_weigh_about_the_same() -> None:
    tasks = made([1000, *[10] * 100])
    weights = sorted(sum(task.bytes for task in shard(tasks, number, 3)) for number in (1, 2, 3))
    assert weights == [500, 500, 1000]


def test_inputs_without_size_are_shared_out_too() -> None:
    assert sorted(len(shard(made([0] * 10), number, 5)) for number in range(1, 6)) == [2] * 5


def test_more_parts_than_tasks_leave_some_without() -> None:
    assert [len(shard(made([5, 6]), number, 10**12)) for number in (1, 2, 3, 10**12)] == [1, 1, 0, 0]
