"""Tools on clouds in memory: what they make there is what is read of the files that they would write."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gscli import coprune, edit, info, read, resample, scene, simplify, verify, write
from gscli.cloud import GaussianCloud, Header
from gscli.errors import GateMissed, GscliError, UsageError


@pytest.fixture(scope="module")
def cloud() -> GaussianCloud:
    return scene.make(3000, sh_degree=1)


@pytest.fixture
def source(cloud: GaussianCloud, tmp_path: Path) -> Path:
    write(tmp_path / "scene.ply", cloud)
    return tmp_path / "scene.ply"


@pytest.mark.parametrize(
    "options",
    [
        {"seed": 3},
        {"method": "one-per-grid", "voxel_size": 0.5, "origin": "min"},
        {"target": "25%", "compensate": "opacity", "pick": "opacity"},
        {"memory_limit": "100MB"},
        {"method": "dense"},
    ],
    ids=str,
)
def test_a_draw_in_memory_is_that_of_its_file(
    options: dict[str, Any], cloud: GaussianCloud, source: Path, tmp_path: Path
) -> None:
    written = resample(source, tmp_path / "draw.ply", index=tmp_path / "rows.npy", **options)
    for given in (cloud, source):
        held = resample(given, **options)
        assert held.cloud == read(tmp_path / "draw.ply")
        assert np.array_equal(held.outputs[0].rows, np.load(tmp_path / "rows.npy"))
        assert held.outputs[0].kept == written.outputs[0].kept
        write(tmp_path / "held.ply", held.cloud, overwrite=True)
        assert (tmp_path / "held.ply").read_bytes() == (tmp_path / "draw.ply").read_bytes()
    resample(cloud, tmp_path / "given.ply", **options)
    assert (tmp_path / "given.ply").read_bytes() == (tmp_path / "draw.ply").read_bytes()


def test_tiles_need_no_folder(source: Path, tmp_path: Path) -> None:
    """A file that is thinned to memory under a limit, which is too little for what is made there."""
    big = tmp_path / "big.ply"
    scene.write(big, 300_000, sh_degree=0)
    with pytest.raises(UsageError, match="too little for an output that is made in memory"):
        resample(big, memory_limit="100MB")


def test_several_draws_are_several_clouds(cloud: GaussianCloud, source: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"method": ["half-density", "one-per-grid"], "repeat": 2, "seed": 1}
    held = resample(cloud, **options)
    written = resample(source, out_dir=tmp_path / "draws", **options)
    assert [each.cloud for each in held.outputs] == [read(each.path) for each in written.outputs]
    with pytest.raises(UsageError, match=r"there are 4 draws; take outputs\[0\].cloud"):
        held.cloud  # noqa: B018
    resample(cloud, out_dir=tmp_path / "named", **options)
    assert (tmp_path / "named" / "source.half-density.e1.ply").is_file()


def test_what_was_written_is_not_held(source: Path, tmp_path: Path) -> None:
    written = resample(source, tmp_path / "draw.ply")
    with pytest.raises(UsageError, match=r"draw.ply: was written, and is not held in memory; read it"):
        written.cloud  # noqa: B018
    with pytest.raises(UsageError, match=r"draw.ply: was written, and is not held in memory"):
        written.outputs[0].rows  # noqa: B018


@pytest.mark.parametrize("idle", [{"overwrite": True}, {"quality": "full"}, {"allow_lossy": True}], ids=str)
def test_options_of_files_are_refused_where_nothing_is_written(
    idle: dict[str, Any], cloud: GaussianCloud
) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(idle))} has no effect without output"):
        resample(cloud, **idle)


def test_axes_are_those_of_a_file(cloud: GaussianCloud, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="axes has no effect on clouds in memory"):
        resample(cloud, axes="rub")
    resample(cloud, tmp_path / "draw.spz", axes="rub", allow_lossy=True)
    assert read(tmp_path / "draw.spz").header.axes == "rub"


def test_nothing_that_is_given_changes_or_is_copied(cloud: GaussianCloud) -> None:
    rows = cloud.rows.copy()
    rows.flags.writeable = False
    before = rows.tobytes()
    held = resample(rows, target=100, compensate="opacity").cloud
    assert rows.tobytes() == before
    assert not np.shares_memory(held.rows, rows)
    assert held.rows.flags.writeable


@pytest.mark.parametrize(
    "actions",
    [
        [("crop_box", (-5, -5, -5, 5, 5, 5))],
        [("where", "opacity > 0.5"), ("rotate", (0, 0, 90)), ("sh_degree", 0)],
        [("scale", 2), ("drop_outliers", (8, 2))],
        [("where", "x < 1e30")],
    ],
    ids=str,
)
def test_an_edit_in_memory_is_that_of_its_file(
    actions: list[tuple[str, Any]], cloud: GaussianCloud, source: Path, tmp_path: Path
) -> None:
    before = cloud.rows.tobytes()
    edit(source, tmp_path / "edited.ply", actions)
    for given in (cloud, source):
        held = edit(given, actions=actions)
        assert held.cloud == read(tmp_path / "edited.ply")
        assert held.output == "<memory>"
        write(tmp_path / "held.ply", held.cloud, overwrite=True)
        assert (tmp_path / "held.ply").read_bytes() == (tmp_path / "edited.ply").read_bytes()
    assert cloud.rows.tobytes() == before


def test_actions_without_an_output_are_given_by_name(cloud: GaussianCloud) -> None:
    actions: Any = [("scale", 2)]
    with pytest.raises(UsageError, match=r"output must be a path, not list; give actions by their name"):
        edit(cloud, actions)


@pytest.mark.parametrize("tool", [resample, simplify], ids=lambda tool: tool.__name__)
def test_a_share_is_a_percentage(tool: Callable[..., Any], cloud: GaussianCloud) -> None:
    with pytest.raises(UsageError, match=r"target 0.25 is neither .*; write '25%'"):
        tool(cloud, target=0.25)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_results_are_copied_with_what_they_hold(way: Callable[[Any], Any], cloud: GaussianCloud) -> None:
    made = resample(cloud, seed=2), edit(cloud, actions=[("scale", 2)]), simplify(cloud, target=9, views=0)
    again = way(made)
    assert again == made
    assert [each.cloud for each in again] == [each.cloud for each in made]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ([[1.0, 2, 3], [1, 2]], "source holds lists of different lengths"),
        ({"x": [1.0, [2]], "y": [2.0, 3], "z": [3.0, 2]}, "column x holds lists of different lengths"),
        ({"x": 1.0, "y": 2.0, "z": 3.0}, r"column x is one value; give arrays of \(N,\) values"),
        ({"xyz": np.zeros((5, 3))}, "source: no x, y, z column among xyz"),
    ],
    ids=["ragged", "ragged column", "one value", "no position"],
)
def test_tables_that_are_no_scene_are_refused_in_a_line(wrong: Any, line: str) -> None:
    for tool in (resample, info):
        with pytest.raises(GscliError, match=f"^{line}"):
            tool(wrong)


def test_a_result_is_no_scene_but_holds_one(cloud: GaussianCloud) -> None:
    made: Any = resample(cloud)
    with pytest.raises(UsageError, match=r"not Resampled; give its \.cloud"):
        info(made)


def test_what_is_drawn_in_memory_is_verified_there(cloud: GaussianCloud, source: Path) -> None:
    draws = [resample(cloud, seed=seed).cloud for seed in (1, 2, 3)]
    found = verify(cloud, draws)
    found.require()
    assert [path for path, _, _ in found.draws] == ["draws[0]", "draws[1]", "draws[2]"]
    assert found.path == "source"
    assert verify(source, draws).uniformity == found.uniformity != ()
    assert verify(cloud, iter(draws)).draws == found.draws
    verify(cloud, simplify(cloud, target="25%", views=0).cloud).require()
    moved = draws[0].with_columns(x=draws[0]["x"] + 1)
    with pytest.raises(GateMissed, match=r"^draws: row 0"):
        verify(cloud, moved).require()


@pytest.mark.parametrize(
    "action",
    [("where", "x < 1e30"), ("scale", 2), ("where", "x < 0"), ("drop_floaters", (0.01, 0.5))],
    ids=str,
)
def test_an_edit_in_memory_shares_nothing_with_what_was_given(
    action: tuple[str, Any], cloud: GaussianCloud
) -> None:
    for given in (cloud, np.ascontiguousarray(cloud.xyz)):
        shared = given.rows if isinstance(given, GaussianCloud) else given
        found = edit(given, actions=[action]).cloud.rows
        assert found.flags.writeable
        assert not np.shares_memory(found, shared)


@pytest.mark.parametrize("suffix", [".spz", ".glb", ".splat", ".compressed.ply"])
@pytest.mark.parametrize("options", [{}, {"compensate": "opacity"}], ids=str)
def test_what_is_drawn_in_memory_of_a_format_that_rounds_is_not_held_to_it(
    suffix: str, options: dict[str, Any], cloud: GaussianCloud, tmp_path: Path
) -> None:
    write(tmp_path / f"scene{suffix}", cloud, allow_lossy=True)
    whole = edit(tmp_path / f"scene{suffix}", actions=[("rotate", (10, 20, 30))]).cloud
    whole = whole.with_columns(label=np.arange(len(whole), dtype="i4"))
    draw = resample(whole, seed=1, **options).cloud
    found = verify(whole, draw)
    found.require()
    assert not any("rounds" in note or "cannot hold" in note for note in found.notes)
    moved = np.arange(len(draw)) == 5
    with pytest.raises(GateMissed, match=r"^draws: row 5 is no row of the scene.*, and 2 more$"):
        verify(whole, draw.with_columns(x=draw["x"] + moved)).require()
    written = resample(whole, tmp_path / f"draw{suffix}", seed=1, allow_lossy=True, **options)
    (tmp_path / "report.json").write_text(json.dumps(written.to_dict()))
    verify(whole, read(tmp_path / f"draw{suffix}"), expect=tmp_path / "report.json").require()


def test_a_cloud_may_be_of_no_format(cloud: GaussianCloud, tmp_path: Path) -> None:
    own = GaussianCloud(cloud.rows, Header("simulated"))
    held = resample(own, seed=1).cloud
    assert np.array_equal(held.rows, resample(cloud, seed=1).cloud.rows)
    resample(own, tmp_path / "draw.ply", seed=1)
    assert np.array_equal(held.rows, read(tmp_path / "draw.ply").rows)
    assert len(edit(own, actions=[("where", "x < 0")]).cloud) < len(cloud)
    assert info(own).format == "simulated"
    verify(own, held).require()


def test_scenes_in_memory_are_merged(cloud: GaussianCloud, source: Path) -> None:
    other = cloud.with_columns(x=cloud["x"] + 100)
    held = edit(cloud, actions=[("merge", other), ("merge", source), ("dedupe", 0)])
    assert len(held.cloud) == 2 * len(cloud)
    assert np.array_equal(held.cloud[len(cloud) :].xyz, other.xyz)
    assert [done.value for done in held.actions] == ["<memory>", str(source)]
    assert "merge='<memory>'" in held.cloud.header.comments[-1]


def test_what_is_simplified_in_memory_is_that_of_its_file(
    cloud: GaussianCloud, source: Path, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"target": "25%", "views": 0}
    simplify(source, tmp_path / "less.ply", index=tmp_path / "rows.npy", **options)
    held = simplify(cloud, **options)
    assert held.cloud == simplify(source, **options).cloud == read(tmp_path / "less.ply")
    assert np.array_equal(held.rows, np.load(tmp_path / "rows.npy"))
    assert (held.path, held.output, held.bytes) == ("source", "<memory>", None)


def test_clouds_are_pruned_by_each_other(cloud: GaussianCloud, source: Path, tmp_path: Path) -> None:
    moved = cloud.with_columns(x=cloud["x"] + 0.01 * np.arange(len(cloud)))
    write(tmp_path / "moved.ply", moved)
    options: dict[str, Any] = {"threshold": 0.5, "min_points": 1}
    written = coprune(source, tmp_path / "moved.ply", out_dir=tmp_path, **options)
    held = coprune(cloud, moved, **options)
    for one, other in ((held.first, written.first), (held.second, written.second)):
        assert len(one.cloud) == one.kept == other.kept < len(cloud)
        assert np.array_equal(one.cloud.rows, read(other.output).rows)
        with pytest.raises(UsageError, match="was written"):
            other.cloud  # noqa: B018
    coprune(cloud, moved, out_dir=tmp_path / "named", **options)
    assert {path.name for path in (tmp_path / "named").iterdir()} == {
        "first.coprune.ply",
        "second.coprune.ply",
    }


def test_a_cloud_in_memory_is_described_as_its_file(cloud: GaussianCloud, source: Path) -> None:
    of_file, held = info(source, stats=True).to_dict(), info(cloud, stats=True).to_dict()
    assert held["input"] == {**of_file["input"], "path": "source", "bytes": None}
    assert {**held, "input": None} == {**of_file, "input": None}
    assert info(cloud.xyz).points == len(cloud)


@pytest.mark.parametrize("tool", [resample, simplify, info, edit, coprune], ids=lambda tool: tool.__name__)
@pytest.mark.parametrize("wrong", [None, 3, [1, 2], np.zeros((3, 2))], ids=str)
def test_what_is_no_scene_is_refused_by_its_name(tool: Callable[..., Any], wrong: object) -> None:
    more: dict[Any, dict[str, Any]] = {
        simplify: {"target": 1},
        edit: {"actions": [("scale", 2)]},
        coprune: {"second": "a.ply", "threshold": 1},
    }
    name = "first" if tool is coprune else "source"
    with pytest.raises(UsageError, match=rf"^{name} must be a path, a cloud or \(N, 3\) numbers, not "):
        tool(wrong, **more.get(tool, {}))
