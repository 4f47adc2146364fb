"""``gscli verify`` passes what resample drew and fails everything else."""

import json
import time

import numpy as np
import pytest
from click.testing import CliRunner

import gscli
from gscli.cli import main
from gscli.cloud import GaussianCloud, Header
from gscli.errors import EngineUnavailable, GateMissed, GscliError, InputError, UsageError
from gscli.formats import FORMATS
from gscli.grids.voxel_grid import VoxelGrid
from gscli.resample import resample
from gscli.scene import make
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
        {"target": 123, "pick": "opacity", "seed": 3},
        {"method": "one-per-grid"},
        {"method": "one-per-grid", "target": "25%"},
        {"method": "k-per-grid", "target": 321, "seed": 2},
        {"method": "k-per-grid", "k": 3},
        {"method": "k-per-grid", "k": 3, "pick": "opacity"},
        {"method": "half-density", "pick": "center"},
        {"method": "dense"},
        {"compensate": "opacity"},
        {"method": "one-per-grid", "target": "10%", "compensate": "opacity"},
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
    assert [c["name"] for c in checks] == [
        *("columns", "subset", "duplicates", "cells", "rows", "report", "comment")
    ]
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


@pytest.mark.parametrize("suffix", ["ply", "npz", "csv"])
def test_opacity_that_was_to_be_raised_and_was_not_is_caught(scene, suffix):
    """And that which was raised without saying so."""
    settings = {"target": "25%"}
    plain = drawn(scene, f"plain.{suffix}", **settings)
    made_up = drawn(scene, f"made_up.{suffix}", compensate="opacity", **settings)
    said = {
        path: json.dumps(resample(scene, path, voxel_size=0.4, overwrite=True, **more).to_dict())
        for path, more in ((plain, settings), (made_up, {**settings, "compensate": "opacity"}))
    }
    report = scene.parent / "report.json"
    for path, told, right in (
        (plain, said[plain], True),
        (made_up, said[made_up], True),
        (plain, said[made_up], False),
        (made_up, said[plain], False),
    ):
        report.write_text(told)
        found = failing(verify(scene, [path], expect=report))
        assert (found == set()) == right
        assert right or {"subset", "rows"} <= found


@pytest.mark.compiled
def test_how_a_draw_looks_is_believed(tmp_path):
    gscli.write(tmp_path / "scene.ply", make(300))
    said = resample(tmp_path / "scene.ply", tmp_path / "half.ply", render=True).to_dict()
    (tmp_path / "half.json").write_text(json.dumps(said))
    result = verify(tmp_path / "scene.ply", [tmp_path / "half.ply"], expect=tmp_path / "half.json")
    assert failing(result) == set()


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


BELIEVED = {
    *("schema", "version", "device", "cache", "tiles", "memory_limit", "path", "index"),
    *("notes", "timings_s", "axes", "quality", "render"),
}


def figures(content, keys=()):
    """The place of every figure in a report that can be worked out anew."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        if key in BELIEVED:
            continue
        if isinstance(value, (dict, list)):
            yield from figures(value, (*keys, key))
        else:
            yield (*keys, key)


def another(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return {"ply": "spz", "half-density": "dense", "random": "center"}.get(value, value + "s")
    return 3 if value is None else value * 2 + 1


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"target": 321},
        {"method": "one-per-grid", "target": 321},
        {"voxel_size": 0.3, "ratio": (0.2, 0.4), "seed": 5, "epoch": 2},
        {"method": "k-per-grid", "k": 4},
        {"method": "dense"},
        {"target": "9%", "compensate": "opacity"},
        {"drop_invalid": True},
    ],
)
def test_each_figure_of_a_report_that_is_changed_is_named(scene, tmp_path, settings):
    if "drop_invalid" in settings:
        rows = np.array(gscli.read(scene).rows)
        rows["x"][:5] = np.inf
        gscli.write(scene, GaussianCloud(rows), overwrite=True)
    target, report = tmp_path / "half.ply", tmp_path / "half.json"
    text = json.dumps(resample(scene, target, **settings).to_dict())
    report.write_text(text)
    assert failing(verify(scene, [target], expect=report)) == set()
    places = list(figures(json.loads(text)))
    assert len(places) > 25
    for keys in places:
        content = json.loads(text)
        value = content
        for key in keys:
            value = value[key]
        if keys == ("options", "drop_invalid") and "drop_invalid" not in settings:
            continue  # where nothing was dropped, it may have been allowed
        if keys == ("options", "repeat") and settings == {"method": "dense"}:
            continue  # what draws nothing at random is drawn once, whatever was asked for
        put(content, keys, another(value))
        report.write_text(json.dumps(content))
        name = next(str(key) for key in reversed(keys) if isinstance(key, str))
        run = CliRunner().invoke(main, ["verify", str(scene), str(target), "--expect", str(report)])
        if run.exit_code == 3:  # no run can have said so
            assert "is no report" in run.stderr or "cannot be" in run.stderr, keys
        else:
            assert run.exit_code == 6, keys
            assert name in "".join(line for line in run.stdout.splitlines() if "WRONG" in line), keys


@pytest.mark.parametrize(
    ("settings", "true", "said"),
    [
        ({}, b"seed=0 ", b"seed=1 "),
        ({}, b"epoch=0 ", b"epoch=7 "),
        ({}, b"ratio=0.3:0.7", b"ratio=0.3:0.6"),
        ({}, b"voxel_size=0.", b"voxel_size=1."),
        ({}, b"origin=0.0", b"origin=0.5"),
        ({"method": "k-per-grid", "k": 400}, b"k=400", b"k=401"),
        ({"method": "dense"}, b"method=dense ", b"method=sense "),
        ({}, b"min_per_cell=1 ", b"min_per_cell=x "),
    ],
)
def test_a_false_comment_is_noticed_beside_a_report_that_is_true(scene, tmp_path, settings, true, said):
    target, report = tmp_path / "half.ply", tmp_path / "half.json"
    report.write_text(json.dumps(resample(scene, target, **settings).to_dict()))
    assert target.read_bytes().count(true) == 1
    target.write_bytes(target.read_bytes().replace(true, said))
    result = verify(scene, [target], expect=report)
    assert failing(result) == {"comment"}
    assert said.decode().strip().split("=")[0] in str(result.draws[0][2][-1])


def test_a_report_of_a_given_mapping_is_checked_too(scene, tmp_path):
    np.save(tmp_path / "ids.npy", np.random.default_rng(0).integers(-1, 90, 2000))
    target, report, ids = tmp_path / "half.ply", tmp_path / "half.json", str(tmp_path / "ids.npy")
    content = resample(scene, target, grid_file=ids).to_dict()
    report.write_text(json.dumps(content))
    assert failing(verify(scene, [target], expect=report, grid_file=ids)) == set()
    content["grid"]["occupancy"]["max"] += 1
    report.write_text(json.dumps(content))
    assert failing(verify(scene, [target], expect=report, grid_file=ids)) == {"report"}


WRITABLE = [
    form.name
    for form in FORMATS
    if form.writer is not None and form.name != "usd"  # each of which takes a process
]


OF_SPLATS = ("compressed_ply", "scenesplat", "sog", "splat", "spz")


@pytest.fixture(params=WRITABLE)
def kept_as(request, make_scene, tmp_path):
    """A scene in each format that is written."""
    form = FORMATS.get(request.param)
    try:
        form.require(request.param)
    except EngineUnavailable as missing:
        pytest.skip(str(missing))
    rows = make_scene(400, normals=False).rows
    kinds = [*rows.dtype.descr, ("label", "<i8"), ("seen", "?"), ("half", "<f2"), ("far", ">f8")]
    wide = np.zeros(len(rows), kinds)
    for name in rows.dtype.names:
        wide[name] = rows[name]
    wide["label"], wide["half"], wide["far"] = np.arange(len(rows)) - 7, 0.5, 0.1
    scene = tmp_path / ("scene" + form.suffixes[0].rstrip("/"))
    gscli.write(str(scene) + "/" * form.folder, GaussianCloud(wide), allow_lossy=True)
    return scene


@pytest.mark.parametrize("other", WRITABLE)
def test_a_right_draw_passes_and_a_wrong_one_does_not_in_every_pair_of_formats(kept_as, other):
    form = FORMATS.get(other)
    if other in OF_SPLATS and kept_as.suffix in (".kitti", ".nuscenes"):  # which hold none
        with pytest.raises(GscliError, match="the points have no f_dc_0"):
            resample(kept_as, str(kept_as.parent / "half") + form.suffixes[0], allow_lossy=True)
        return
    draws = [str(kept_as.parent / name) + form.suffixes[0] for name in ("half", "other")]
    results = [
        resample(kept_as, draw, voxel_size=0.7, allow_lossy=True, seed=seed)
        for seed, draw in enumerate(draws)
    ]
    report = kept_as.parent / "half.json"
    report.write_text(json.dumps(results[0].to_dict()))
    right = verify(kept_as, draws[:1], expect=report)
    assert [check.examples for _, _, checks in right.draws for check in checks if not check.passed] == []
    content = results[0].to_dict()
    content["outputs"][0]["path"] = draws[1]
    report.write_text(json.dumps(content))
    assert "rows" in failing(verify(kept_as, draws[1:], expect=report))


def test_a_draw_in_fewer_bits_passes_and_one_in_others_does_not(make_scene, tmp_path):
    source, target, report = (tmp_path / name for name in ("scene.ply", "half.spz", "half.json"))
    gscli.write(source, make_scene(600, 2, normals=False))
    told = resample(source, target, allow_lossy=True, quality="compact")
    report.write_text(json.dumps(told.to_dict()))
    assert failing(verify(source, [target], expect=report)) == set()
    drawn = gscli.read(target)
    rows = drawn.rows.copy()
    rows["x"][7] += 1 / 4096
    gscli.write(
        target, GaussianCloud(rows, drawn.header), overwrite=True, allow_lossy=True, quality="compact"
    )
    assert "subset" in failing(verify(source, [target], expect=report))


@pytest.fixture
def judged(scene, tmp_path):
    """Verify a draw, made in a format of one's choice, by its report."""

    def run(name, source=scene):
        report = tmp_path / "report.json"
        target = tmp_path / name
        report.write_text(json.dumps(resample(source, target, allow_lossy=True).to_dict()))
        return verify(source, [target], expect=report)

    return run


def test_a_note_says_what_a_format_has_no_place_for_and_what_it_rounds(scene, judged, tmp_path):
    pytest.importorskip("laspy")
    cloud = gscli.read(scene).with_columns({"two words": np.arange(2000)})
    gscli.write(tmp_path / "scene.npz", cloud)
    for name, says in (
        ("half.pcd", "cannot hold two words (pcd): not compared"),
        ("half.las", "a format that rounds (las)"),
    ):
        result = judged(name, source=tmp_path / "scene.npz")
        assert failing(result) == set()
        assert says in " ".join(result.notes)


def test_values_that_are_no_numbers_are_equal_to_each_other(scene, judged):
    rows = np.array(gscli.read(scene).rows)
    rows["opacity"][::3] = np.nan
    rows["opacity"][1::3] = -0.0
    gscli.write(scene, GaussianCloud(rows), overwrite=True)
    assert failing(judged("half.csv")) == set()


def test_a_value_that_the_scene_cannot_hold_is_none_of_its(scene, tmp_path):
    cloud = gscli.read(drawn(scene))
    wide = np.zeros(len(cloud), [(name, "<f8") for name in cloud.fields])
    for name in cloud.fields:
        wide[name] = cloud.rows[name]
    wide["label"][3] += 256
    wide["opacity"][5] += 1e-12
    gscli.write(tmp_path / "wide.ply", GaussianCloud(wide, cloud.header))
    result = verify(scene, [tmp_path / "wide.ply"])
    assert "subset" in failing(result)
    assert "row 3 is no row" in str(result.draws[0][2])
    assert "row 5 is no row" in str(result.draws[0][2])


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
