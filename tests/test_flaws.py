"""Flawed Gaussians: found, and left out of a sample, in one piece and in tiles, as `info` counts them."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import gscli
from gscli import fields
from gscli.cli import main
from gscli.cloud import GaussianCloud
from gscli.errors import GateMissed, InputError, UsageError
from gscli.grids import budget
from gscli.grids.budget import Budget
from gscli.resample import resample
from gscli.verify import verify

N = 3000


@pytest.fixture
def flawed(make_scene, tmp_path):
    """A scene with all flaws there are, some rows with several, in rows below 120; the rest is sound."""
    cloud = make_scene(N, 1)
    rows = cloud.rows
    rows["opacity"][:10] = np.nan
    rows["scale_1"][10:20] = np.nan
    rows["scale_2"][20:30] = np.inf
    for name in fields.ROTATION:
        rows[name][30:40] = 0
    rows["rot_2"][40:50] = np.inf
    rows["f_dc_1"][50:55] = np.nan
    rows["f_rest_3"][50:60] = -np.inf
    rows["z"][55:70] = np.nan
    for name in fields.ROTATION:
        rows[name][5:8] = 0
        rows[name][65:70] = 0
    rows["opacity"][100:105] = np.inf  # wholly solid, or not there at all
    rows["opacity"][105:110] = -np.inf
    rows["scale_0"][110:120] = -np.inf  # flat
    path = tmp_path / "scene.ply"
    gscli.write(path, cloud)
    return path


@pytest.fixture(autouse=True)
def tight(monkeypatch):
    """With any limit of memory, scenes are cut in tiles of 1,801 points at most."""
    monkeypatch.setattr(budget, "budget", lambda *_, **__: Budget(1_000_000, 400_000))


def kept(path, drop, **settings):
    """What dense sampling leaves, and the result."""
    target = path.with_name("out.ply")
    index = path.with_name("rows.npy")
    result = resample(
        path, target, method="dense", drop_invalid=drop, index=index, overwrite=True, **settings
    )
    return np.load(index), result


@pytest.mark.parametrize("settings", [{}, {"voxel_size": 0.5}, {"memory_limit": "1GB"}], ids=str)
def test_flawed_gaussians_are_left_out_and_counted_as_info_counts_them(flawed, settings):
    rows, result = kept(flawed, "gaussians", **settings)
    assert rows.tolist() == list(range(70, N))
    assert (result.grid.tiles or 0) > 1 or "memory_limit" not in settings
    counted = gscli.info(flawed)
    document = result.to_dict()
    assert document["input"]["dropped"] == result.dropped == 70
    assert document["input"]["invalid"] == {"points": 15, "not_finite": 45, "unrotated": 18}
    told = (counted.invalid, counted.not_finite, counted.unrotated)
    assert tuple(document["input"]["invalid"].values()) == told
    assert document["options"]["drop_invalid"] == "gaussians"
    after = gscli.info(flawed.with_name("out.ply"))
    assert (after.invalid, after.not_finite, after.unrotated) == (0, 0, 0)


@pytest.mark.parametrize("drop", [True, "rows"])
@pytest.mark.parametrize("limit", [None, "1GB"])
def test_rows_are_those_whose_position_is_not_finite(flawed, drop, limit):
    rows, result = kept(flawed, drop, memory_limit=limit)
    assert rows.tolist() == [*range(55), *range(70, N)]
    document = result.to_dict()
    assert document["input"]["invalid"] == {"points": 15, "not_finite": None, "unrotated": None}
    assert document["options"]["drop_invalid"] is True


def test_nothing_is_dropped_unless_asked_for(flawed, make_scene):
    with pytest.raises(InputError, match="15 of 3,000 points have a NaN or infinite position"):
        kept(flawed, False)
    gscli.write(flawed, make_scene(N, 1), overwrite=True)
    document = kept(flawed, "gaussians")[1].to_dict()
    assert document["input"]["dropped"] == 0
    assert document["input"]["invalid"] == {"points": 0, "not_finite": 0, "unrotated": 0}


@pytest.mark.parametrize("method", ["half-density", "one-per-grid"])
def test_pieces_threads_and_the_cache_make_no_difference(flawed, tmp_path, method):
    from gscli.grids.cache import GridCache

    settings = {"method": method, "voxel_size": 0.4, "overwrite": True}
    cache = GridCache(tmp_path / "cache")
    out, found = tmp_path / "half.ply", []
    for more in ({}, {"memory_limit": "1GB"}, {"cache": cache}, {"cache": cache}, {"device": "torch-cpu"}):
        if "device" in more:
            pytest.importorskip("torch")
        resample(flawed, out, drop_invalid="gaussians", **settings, **more)
        found.append(out.read_bytes())
        resample(flawed, tmp_path / "rows.ply", drop_invalid="rows", **settings, **more)  # another grid
    assert len(set(found)) == 1
    assert (tmp_path / "rows.ply").read_bytes() != found[0]


def test_a_draw_without_flawed_gaussians_is_verified_by_its_report_and_by_its_comment(flawed, tmp_path):
    target, report = tmp_path / "half.ply", tmp_path / "half.json"
    result = resample(flawed, target, drop_invalid="gaussians", method="k-per-grid", k=3)
    report.write_text(json.dumps(result.to_dict()))
    verify(flawed, [target], expect=report).require()
    verify(flawed, [target]).require()
    assert "drop_invalid=gaussians" in gscli.read(target).header.comments[-1]
    for said in (True, False):
        content = result.to_dict()
        content["options"]["drop_invalid"] = said
        report.write_text(json.dumps(content))
        with pytest.raises(GateMissed):
            verify(flawed, [target], expect=report).require()
    for key, value in result.to_dict()["input"]["invalid"].items():
        content = json.loads(json.dumps(result.to_dict()))
        content["input"]["invalid"][key] = value + 1
        report.write_text(json.dumps(content))
        with pytest.raises(GateMissed, match=rf"input\.invalid\.{key} is {value + 1}, it is {value}"):
            verify(flawed, [target], expect=report).require()


def test_a_draw_of_rows_says_what_it_always_said(flawed, tmp_path):
    target = tmp_path / "half.ply"
    resample(flawed, target, drop_invalid=True)
    assert "drop_invalid" not in gscli.read(target).header.comments[-1]
    verify(flawed, [target]).require()


@pytest.mark.parametrize("word", ["rows", "everything"])
def test_a_comment_that_drops_what_cannot_be_dropped_is_no_claim(flawed, tmp_path, word):
    target = tmp_path / "half.ply"
    resample(flawed, target, drop_invalid="gaussians")
    target.write_bytes(
        target.read_bytes().replace(b"drop_invalid=gaussians", b"drop_invalid=" + word.encode())
    )
    with pytest.raises(InputError, match="cannot be understood"):
        verify(flawed, [target])


@pytest.mark.parametrize("said", ["rows", "everything", 1, None, ["gaussians"]])
def test_a_report_that_drops_what_cannot_be_dropped_is_none(flawed, tmp_path, said):
    target, report = tmp_path / "half.ply", tmp_path / "half.json"
    content = resample(flawed, target, drop_invalid="gaussians").to_dict()
    content["options"]["drop_invalid"] = said
    report.write_text(json.dumps(content))
    with pytest.raises(InputError, match="is no report"):
        verify(flawed, [target], expect=report)


def test_points_have_no_flaws_of_gaussians(tmp_path):
    path = tmp_path / "points.ply"
    gscli.write(path, GaussianCloud(np.zeros(5, [(n, "<f4") for n in "xyz"])))
    for limit in (None, "1GB"):
        with pytest.raises(InputError, match=r"points\.ply: holds no Gaussians.*give drop_invalid=True"):
            resample(path, tmp_path / "out.ply", drop_invalid="gaussians", memory_limit=limit)


@pytest.mark.parametrize("wrong", ["gaussian", "yes", 1, None])
def test_what_to_drop_is_a_word_or_a_truth(flawed, wrong):
    with pytest.raises(UsageError, match="drop_invalid"):
        kept(flawed, wrong)


def test_the_flag_takes_its_value_behind_an_equals_sign_alone(flawed, monkeypatch):
    monkeypatch.chdir(flawed.parent)

    def dropped(*args):
        run = CliRunner().invoke(main, ["resample", "--json", "--overwrite", *args])
        assert run.exit_code == 0, run.stderr
        return json.loads(run.stdout)["input"]["dropped"]

    assert dropped("--drop-invalid", "scene.ply", "out.ply") == 15
    assert dropped("scene.ply", "--drop-invalid", "out.ply") == 15
    assert dropped("scene.ply", "out.ply", "--drop-invalid=rows") == 15
    assert dropped("--drop-invalid=gaussians", "scene.ply", "out.ply") == 70
    assert dropped("--drop-invalid", "--", "scene.ply", "out.ply") == 15
    wrong = CliRunner().invoke(main, ["resample", "scene.ply", "out.ply", "--drop-invalid=gausians"])
    assert wrong.exit_code == 2
    assert "did you mean gaussians?" in wrong.stderr
    plain = CliRunner().invoke(
        main, ["resample", "scene.ply", "x.ply", "-m", "dense", "--drop-invalid=gaussians"]
    )
    assert (
        "dropped  70 Gaussians: 15 with a position that is not finite, 45 with another value that is not, "
        in (plain.stderr)
    )
    shown = CliRunner().invoke(main, ["resample", "--help"])
    assert "--drop-invalid[=rows|gaussians]" in shown.stdout


def test_points_refused_for_want_of_gaussians_are_told_the_flag_as_it_is_typed(tmp_path):
    gscli.write(tmp_path / "p.ply", GaussianCloud(np.zeros(5, [(n, "<f4") for n in "xyz"])))
    args = ["resample", str(tmp_path / "p.ply"), str(tmp_path / "o.ply"), "--drop-invalid=gaussians"]
    run = CliRunner().invoke(main, args)
    assert run.exit_code == 3
    assert "give --drop-invalid instead of --drop-invalid=gaussians" in run.stderr


@pytest.mark.parametrize(("said", "dropped"), [("gaussians", 70), ("rows", 15), ("true", 15)])
def test_a_job_file_says_what_to_drop(flawed, tmp_path, said, dropped):
    job = tmp_path / "job.yaml"
    job.write_text(
        f"operation: resample\ninputs: scene.ply\nout-dir: out\ndrop-invalid: {said}\nworkers: 1\n"
    )
    run = CliRunner().invoke(main, ["batch", str(job), "--json-lines"])
    assert run.exit_code == 0, run.stderr
    (record,) = (tmp_path / "out" / "done").iterdir()
    assert json.loads(record.read_text())["result"]["input"]["dropped"] == dropped
