"""``gscli verify`` passes what resample drew and fails everything else."""

import json
import time

import numpy as np
import pytest
from click.testing import CliRunner

import gscli
from gscli.cli import main
from gscli.cloud import GaussianCloud, Header
from gscli.errors import GateMissed, InputError, UsageError
from gscli.grids.voxel_grid import VoxelGrid
from gscli.resample import resample
from gscli.verify import verify

FIELDS = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("opacity", "<f4"), ("label", "u1")]


def scene_rows(n=2000, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.zeros(n, FIELDS)
    for name in "xyz":
        rows[name] = rng.uniform(-1, 1, n)
    rows["opacity"] = rng.normal(size=n)
    rows["label"] = rng.integers(0, 9, n)
    return rows


@pytest.fixture
def scene(tmp_path):
    rows = scene_rows()
    rows[17] = rows[16]  # two equal rows
    gscli.write(tmp_path / "scene.ply", GaussianCloud(rows))
    return tmp_path / "scene.ply"


def drawn(scene, name="half.ply", **settings):
    target = scene.parent / name
    resample(scene, target, voxel_size=0.4, **settings)
    return target


def failing(result):
    every = [c for _, _, checks in result.draws for c in checks] + list(result.together)
    return {check.name for check in every if not check.passed}


def rewritten(path, change):
    """A draw whose rows `change` has been at, with the comment it had."""
    cloud = gscli.read(path)
    rows, comments = change(np.array(cloud.rows)), cloud.header.comments
    gscli.write(path, GaussianCloud(rows, Header(comments=comments)), overwrite=True)
    return path


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"seed": 5, "epoch": 3},
        {"ratio": (0.25, 0.25)},
        {"ratio": (0.1, 0.2), "min_per_cell": 0},
        {"target": "25%"},
        {"target": 123},
        {"method": "one-per-grid"},
        {"method": "k-per-grid", "k": 3},
        {"method": "k-per-grid", "k": 3, "pick": "opacity"},
        {"method": "half-density", "pick": "center"},
        {"method": "dense"},
    ],
)
def test_what_resample_wrote_passes_by_its_own_comment(scene, settings):
    result = verify(scene, [drawn(scene, **settings)])
    assert failing(result) == set()
    result.require()


def test_what_resample_wrote_passes_by_its_report(scene, tmp_path):
    target, report = tmp_path / "half.ply", tmp_path / "half.json"
    run = CliRunner().invoke(
        main, ["resample", str(scene), str(target), "--no-cache", "--report", str(report)]
    )
    assert run.exit_code == 0
    run = CliRunner().invoke(main, ["verify", str(scene), str(target), "--expect", str(report), "--json"])
    assert run.exit_code == 0
    checks = json.loads(run.stdout)["draws"][0]["checks"]
    assert [c["name"] for c in checks] == ["columns", "subset", "duplicates", "cells", "report", "rows"]
    assert all(c["passed"] for c in checks)


def test_points_that_were_dropped_for_their_positions_are_no_violation(tmp_path):
    rows = scene_rows(500)
    rows["y"][[3, 400]] = np.nan
    gscli.write(tmp_path / "scene.ply", GaussianCloud(rows))
    target = drawn(tmp_path / "scene.ply", drop_invalid=True, method="dense")
    assert failing(verify(tmp_path / "scene.ply", [target])) == set()

    def smuggle(kept):
        return np.concatenate([kept[:3], rows[3:4], kept[3:]])

    result = verify(tmp_path / "scene.ply", [rewritten(target, smuggle)])
    assert {"cells", "rows"} <= failing(result)
    with pytest.raises(GateMissed, match="1 rows of the scene that are in no cell are kept"):
        result.require()


def changed_value(rows):
    rows["opacity"][7] += 1
    return rows


def repeated_row(rows):
    rows[5] = rows[4]
    return rows


def one_row_less(rows):
    return np.delete(rows, 10)


@pytest.mark.parametrize(
    ("change", "caught_by"),
    [
        (changed_value, {"subset", "cells", "rows"}),
        (repeated_row, {"duplicates", "rows"}),
        (one_row_less, {"cells", "rows"}),
        (lambda rows: rows[::-1], {"rows"}),
        (lambda rows: rows[:0], {"cells", "rows"}),
    ],
)
def test_a_tampered_draw_is_caught(scene, change, caught_by):
    result = verify(scene, [rewritten(drawn(scene), change)])
    assert caught_by <= failing(result)
    with pytest.raises(GateMissed, match=r"half\.ply"):
        result.require()


def test_equal_rows_of_the_scene_may_both_be_kept_but_no_third(scene):
    rows = np.array(gscli.read(scene).rows)
    target = drawn(scene, method="dense")
    assert failing(verify(scene, [target])) == set()
    third = np.concatenate([rows[:18], rows[17:18], rows[18:]])
    result = verify(scene, [rewritten(target, lambda _: third)])
    assert {"duplicates", "rows"} <= failing(result)
    assert "row 18 occurs more often" in str(result.draws[0][2])


def wrong_sampler(scene, path, rows_of_cell):
    """A draw with the right number of rows in every cell, but chosen by `rows_of_cell`."""
    cloud = gscli.read(scene)
    grid = VoxelGrid.from_points(cloud.xyz, voxel_size=0.4)
    kept = np.zeros(len(cloud), bool)
    kept[grid.draw("half-density").rows] = True
    wrong = np.zeros(len(cloud), bool)
    for c in range(len(grid)):
        own = grid.order[grid.offsets[c] : grid.offsets[c + 1]]
        wrong[rows_of_cell(own, kept[own].sum())] = True
    comments = gscli.read(path).header.comments
    gscli.write(path, GaussianCloud(cloud.rows[wrong], Header(comments=comments)), overwrite=True)


def test_a_wrong_sampler_with_right_counts_in_every_cell_is_caught(scene):
    target = drawn(scene)
    wrong_sampler(scene, target, lambda rows, k: rows[:k])
    assert failing(verify(scene, [target])) == {"rows"}


def test_another_seed_than_claimed_is_caught(scene):
    target = drawn(scene, seed=1)
    lines = target.read_bytes().replace(b"seed=1 ", b"seed=2 ")
    target.write_bytes(lines)
    assert failing(verify(scene, [target])) == {"cells", "rows"}


def test_a_draw_of_another_scene_is_caught(scene, tmp_path):
    gscli.write(tmp_path / "other.ply", GaussianCloud(scene_rows(seed=1)))
    assert {"subset", "cells", "rows"} <= failing(verify(tmp_path / "other.ply", [drawn(scene)]))


def test_a_lost_or_added_column_is_caught(scene):
    target = drawn(scene)
    cloud = gscli.read(target)
    fewer = np.zeros(len(cloud), FIELDS[:4])
    for name in fewer.dtype.names:
        fewer[name] = cloud.rows[name]
    gscli.write(target, GaussianCloud(fewer, cloud.header), overwrite=True)
    result = verify(scene, [target])
    assert failing(result) == {"columns"}
    assert "lacks label" in str(result.draws[0][2])


@pytest.mark.parametrize(
    ("key", "value"),
    [("points", 1), ("fraction", 0.5), ("forced_cells", 10**6)],
)
def test_a_report_that_lies_is_caught(scene, tmp_path, key, value):
    target, report = tmp_path / "half.ply", tmp_path / "half.json"
    CliRunner().invoke(main, ["resample", str(scene), str(target), "--no-cache", "--report", str(report)])
    content = json.loads(report.read_text())
    content["outputs"][0]["kept"][key] = value
    report.write_text(json.dumps(content))
    assert failing(verify(scene, [target], expect=report)) == {"report"}


def test_a_report_finds_each_of_several_draws_by_its_path(scene, tmp_path):
    report = tmp_path / "views.json"
    args = ["resample", str(scene), "--out-dir", str(tmp_path / "views"), "--no-cache", "--repeat", "3"]
    args += ["--method", "half", "--method", "single", "--report", str(report)]
    assert CliRunner().invoke(main, args).exit_code == 0
    draws = sorted((tmp_path / "views").iterdir())
    result = verify(scene, draws, expect=report)
    assert failing(result) == set()
    assert len(draws) == 6
    assert {t.name for t in result.uniformity} == {
        f"{m} {t}"
        for m in ("half-density", "one-per-grid")
        for t in ("inclusion", "pairs", "subsets", "neighbours", "epochs")
    }
    with pytest.raises(InputError, match="which of its 6"):
        verify(scene, [drawn(scene, "stray.ply")], expect=report)


def test_honest_draws_of_a_scene_of_equal_rows_pass(tmp_path):
    scene = tmp_path / "scene.ply"
    gscli.write(scene, GaussianCloud(np.tile(scene_rows(), 10)))
    draws = [drawn(scene, f"{e}.ply", epoch=e) for e in range(6)]
    result = verify(scene, draws)
    assert failing(result) == set()
    assert len(result.uniformity) == 5
    assert "rows" in failing(verify(scene, [rewritten(draws[0], one_row_less)]))


def test_how_many_rows_each_cell_keeps_is_worked_out_once(scene, monkeypatch):
    target, wanted, calls = drawn(scene), VoxelGrid.wanted, []

    def counted(grid, how, **when):
        calls.append(how.name)
        return wanted(grid, how, **when)

    monkeypatch.setattr(VoxelGrid, "wanted", counted)
    assert failing(verify(scene, [target])) == set()
    assert calls == ["half-density"]


def test_equal_rows_in_different_cells_of_a_mapping_pass_and_tampering_does_not(tmp_path):
    scene, target = tmp_path / "scene.ply", tmp_path / "half.ply"
    rows, rng = np.tile(scene_rows(1000), 2), np.random.default_rng(0)
    gscli.write(scene, GaussianCloud(rows))
    np.save(tmp_path / "ids.npy", rng.integers(0, 200, len(rows)))
    arguments = {"grid_file": str(tmp_path / "ids.npy")}
    resample(scene, target, **arguments)
    assert failing(verify(scene, [target], **arguments)) == set()

    def other_rows(kept):
        return rows[np.sort(rng.permutation(1000)[: len(kept)])]

    assert "rows" in failing(verify(scene, [rewritten(target, other_rows)], **arguments))
    assert {"cells", "rows"} <= failing(
        verify(scene, [rewritten(target, lambda kept: kept[:9])], **arguments)
    )


def test_several_draws_of_a_biased_sampler_are_caught_by_the_statistics_too(tmp_path):
    scene = tmp_path / "scene.ply"
    gscli.write(scene, GaussianCloud(scene_rows(20_000)))
    draws = [drawn(scene, f"{e}.ply", epoch=e) for e in range(3)]
    assert failing(verify(scene, draws)) == set()
    for draw in draws:
        wrong_sampler(scene, draw, lambda rows, k: rows[:k])
    result = verify(scene, draws)
    assert {"rows", "statistics"} <= failing(result)
    assert {t.name for t in result.uniformity if t.p < 1e-6} == {
        "inclusion",
        "subsets",
        "neighbours",
        "epochs",
    }


def test_two_draws_of_one_seed_and_epoch_are_one_for_the_statistics_and_said(scene):
    first = drawn(scene, "first.ply")
    again = drawn(scene, "again.ply")
    result = verify(scene, [first, again])
    assert failing(result) == set()
    assert result.uniformity == ()
    assert result.notes == (f"{again} is a draw of the same seed and epoch as another: tested once",)


def test_a_violation_is_exit_6_with_the_first_ones_listed(scene):
    target = rewritten(drawn(scene), changed_value)
    run = CliRunner().invoke(main, ["verify", str(scene), str(target)])
    assert run.exit_code == 6
    assert "WRONG    subset: row 7 is no row of the scene" in run.stdout
    assert f"gscli: error: {target}: row 7 is no row of the scene" in run.stderr


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (
            lambda s, d: d.write_bytes(d.read_bytes().replace(b"resample method", b"resampled meth_")),
            "--expect",
        ),
        (
            lambda s, d: d.write_bytes(d.read_bytes().replace(b"ratio=0.3:0.7", b"ratio=0.3:x.y")),
            "understood",
        ),
        (lambda s, d: d.unlink(), "no such file"),
        (lambda s, d: s.unlink(), "no such file"),
    ],
)
def test_files_that_cannot_be_verified_are_bad_input(scene, break_it, says):
    target = drawn(scene)
    break_it(scene, target)
    run = CliRunner().invoke(main, ["verify", str(scene), str(target)])
    assert run.exit_code == 3
    assert says in run.stderr


def test_a_draw_from_a_given_mapping_is_verified_with_that_mapping(scene, tmp_path):
    cloud = gscli.read(scene)
    ids = np.random.default_rng(0).integers(-1, 90, len(cloud))
    np.save(tmp_path / "ids.npy", ids)
    grid = VoxelGrid.from_ids(ids)
    header = Header(comments=("gscli 0 resample method=one-per-grid pick=random seed=4 epoch=2",))
    target = tmp_path / "one.ply"
    rows = grid.draw("one-per-grid", seed=4, epoch=2).rows
    gscli.write(target, GaussianCloud(cloud.rows[rows], header))
    result = verify(scene, [target], grid_file=str(tmp_path / "ids.npy"))
    assert failing(result) == set()
    np.save(tmp_path / "ids.npy", np.roll(ids, 1))
    result = verify(scene, [target], grid_file=str(tmp_path / "ids.npy"))
    assert {"cells", "rows"} <= failing(result)
    with pytest.raises(UsageError, match="name one with grid_file"):
        verify(scene, [target])
    with pytest.raises(UsageError, match="no effect"):
        verify(scene, [drawn(scene)], grid_file=str(tmp_path / "ids.npy"))


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "gscli/info/1"}', '{"schema": "gscli/resample/1"}'])
def test_a_report_that_is_none_is_bad_input(scene, tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InputError, match=r"r\.json"):
        verify(scene, [drawn(scene)], expect=tmp_path / "r.json")


@pytest.fixture
def reported(scene, tmp_path):
    """A draw, its report and the report's content."""
    target, report = tmp_path / "half.ply", tmp_path / "half.json"
    args = ["resample", str(scene), str(target), "--no-cache", "--report", str(report)]
    assert CliRunner().invoke(main, args).exit_code == 0
    return target, report, json.loads(report.read_text())


def put(content, keys, value):
    for key in keys[:-1]:
        content = content[key]
    content[keys[-1]] = value


OUTPUT = ("outputs", 0)


@pytest.mark.parametrize(
    "keys",
    [
        *((*OUTPUT, key) for key in ("method", "ratio", "pick", "seed", "kept")),
        (*OUTPUT, "kept", "points"),
        ("grid", "voxel_size"),
        ("grid", "origin"),
        ("outputs",),
    ],
)
@pytest.mark.parametrize("deep", ["[" * 950 + "]" * 950, '"' + "long" * 100_000 + '"'], ids=["deep", "long"])
def test_a_report_with_something_vast_for_a_value_is_one_short_line(scene, reported, keys, deep):
    target, report, content = reported
    put(content, keys, "HERE")
    report.write_text(json.dumps(content).replace('"HERE"', deep))
    with pytest.raises(InputError) as caught:
        verify(scene, [target], expect=report)
    assert len(str(caught.value)) < 1000


def test_a_vast_report_is_not_parsed(scene, reported):
    target, report, _ = reported
    report.write_text("[" + "[]," * 2_000_000 + "[]]")
    with pytest.raises(InputError, match="more than the 4,194,304 bytes"):
        verify(scene, [target], expect=report)


def test_a_comment_that_could_be_split_in_many_ways_is_split_in_one(scene):
    """Once 14 such words took half a minute, and each more of them seven times that."""
    cloud = gscli.read(scene)
    gscli.write(scene.with_name("odd.ply"), cloud.with_comment("gscli 1 resample " + "a=aa" * 5_000 + "\t"))
    start = time.perf_counter()
    with pytest.raises(InputError, match="does not say how it was drawn"):
        verify(scene, [scene.with_name("odd.ply")])
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ((*OUTPUT, "kept", "points"), float("inf")),
        ((*OUTPUT, "kept", "points"), 2406.9),
        ((*OUTPUT, "kept", "fraction"), float("nan")),
        pytest.param((*OUTPUT, "kept", "fraction"), 10**400, id="huge"),
        ((*OUTPUT, "seed"), 0.7),
        ((*OUTPUT, "seed"), True),
        ((*OUTPUT, "seed"), -1),
        ((*OUTPUT, "seed"), "0"),
        ((*OUTPUT, "epoch"), 2**70),
        ((*OUTPUT, "pick"), None),
        ((*OUTPUT, "ratio"), [0.3, 0.7, 0.9]),
        ((*OUTPUT, "ratio"), None),
        ((*OUTPUT, "min_per_cell"), 1.0),
        (("grid", "voxel_size"), 0),
        (("grid", "voxel_size"), 1e-30),
        (("grid", "voxel_size"), float("nan")),
        (("grid", "origin"), [0, float("nan"), 0]),
        (("grid", "cells"), "12"),
        (("input", "points"), None),
    ],
)
def test_a_report_with_a_number_that_cannot_be_is_bad_input(scene, reported, keys, value):
    target, report, content = reported
    put(content, keys, value)
    report.write_text(json.dumps(content))
    run = CliRunner().invoke(main, ["verify", str(scene), str(target), "--expect", str(report)])
    assert run.exit_code == 3
    assert "gscli: error:" in run.stderr


@pytest.mark.parametrize("text", ["[" * 100_000, '{"schema": 1e999', "\0"])
def test_a_report_that_is_no_json_is_bad_input(scene, reported, text):
    reported[1].write_text(text)
    with pytest.raises(InputError, match="is no JSON"):
        verify(scene, [reported[0]], expect=reported[1])


def test_a_folder_is_no_report(scene, reported, tmp_path):
    with pytest.raises(InputError, match="directory"):
        verify(scene, [reported[0]], expect=tmp_path)


@pytest.mark.parametrize(
    ("settings", "true", "said"),
    [
        ({}, b"seed=0 ", b"seed=-1 "),
        ({}, b"epoch=0 ", b"epoch=%d " % 2**70),
        ({}, b"voxel_size=0.4 ", b"voxel_size=nan "),
        ({}, b"voxel_size=0.4 ", b"voxel_size=0 "),
        ({}, b"voxel_size=0.4 ", b"voxel_size=1e-30 "),
        ({}, b"origin=0.0,", b"origin=nan,"),
        ({"target": 123}, b"target=123 ", b"target=99999 "),
    ],
)
def test_a_comment_that_says_what_cannot_be_is_bad_input(scene, settings, true, said):
    target = drawn(scene, **settings)
    assert true in target.read_bytes()
    target.write_bytes(target.read_bytes().replace(true, said))
    run = CliRunner().invoke(main, ["verify", str(scene), str(target)])
    assert run.exit_code == 3
    assert str(target) in run.stderr


def test_one_report_on_stdin_serves_several_draws(scene, tmp_path):
    report = tmp_path / "views.json"
    args = ["resample", str(scene), "--out-dir", str(tmp_path / "views"), "--no-cache", "--repeat", "3"]
    assert CliRunner().invoke(main, [*args, "--report", str(report)]).exit_code == 0
    draws = sorted(map(str, (tmp_path / "views").iterdir()))
    args = ["verify", str(scene), *draws, "--expect", "-"]
    run = CliRunner().invoke(main, args, input=report.read_bytes())
    assert run.exit_code == 0, run.stderr
    run = CliRunner().invoke(main, args, input=b"[]")
    assert run.exit_code == 3
    assert "<stdin>: is no report" in run.stderr


@pytest.mark.parametrize("place", ["scene", "draw", "--expect", "--grid"])
def test_the_report_takes_no_inputs_place(scene, tmp_path, place):
    draw, other = drawn(scene), tmp_path / "other"
    other.write_text("{}")
    target = {"scene": scene, "draw": draw}.get(place, other)
    before = target.read_bytes()
    more = [place, str(other)] if target == other else []
    args = ["verify", str(scene), str(draw), *more, "--report", str(target), "--overwrite"]
    run = CliRunner().invoke(main, args)
    assert run.exit_code == 2
    assert "is an input" in run.stderr
    assert target.read_bytes() == before


def test_a_report_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "report.json").write_text("precious")
    run = CliRunner().invoke(
        main, ["verify", "missing", "missing", "--report", str(tmp_path / "report.json")]
    )
    assert run.exit_code == 4
