"""Scenes thinned by merging: exactly so many rows, which stay as they are, and what the others become."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gscli import _core, fields, formats, rasterizers, resample, scene, simplify
from gscli.cloud import GaussianCloud
from gscli.errors import EngineUnavailable, GateMissed, InputError, UsageError, WriteRefused
from gscli.simplify import Simplified
from gscli.simplifying import look, merged
from tests.drawn import cloud

Array = npt.NDArray[Any]


def saved(folder: Path, given: GaussianCloud) -> Path:
    path = folder / "scene.ply"
    formats.write(path, given, overwrite=True)
    return path


def run(
    folder: Path, given: GaussianCloud, target: int | str, **more: Any
) -> tuple[Simplified, GaussianCloud, Array]:
    """What is said and written of a scene, and the new row of each of its rows."""
    path = saved(folder, given)
    result = simplify(
        path, folder / "out.ply", target=target, index=folder / "rows.npy", overwrite=True, **more
    )
    return result, formats.read(folder / "out.ply"), np.load(folder / "rows.npy")


@pytest.mark.compiled
@pytest.mark.parametrize("left", [300, 299, 120, 2, 1])
def test_exactly_so_many_are_left(tmp_path: Path, left: int) -> None:
    result, out, rows = run(tmp_path, cloud(300, 1), left)
    assert (len(out), result.kept, result.points) == (left, left, 300)
    assert sorted(set(rows.tolist())) == list(range(left))
    sizes = np.bincount(rows)
    assert (result.merged, result.sources) == ((sizes > 1).sum(), sizes[sizes > 1].sum())


@pytest.mark.usefixtures("kernels")
def test_a_percentage_is_of_all_rows(tmp_path: Path) -> None:
    assert len(run(tmp_path, cloud(90), "33.4%", views=0)[1]) == 30


@pytest.mark.compiled
def test_rows_that_nothing_is_merged_with_stay_as_they_are_and_in_their_order(tmp_path: Path) -> None:
    given = cloud(400, 2).with_columns(id=np.arange(400, dtype=np.int32))
    _, out, rows = run(tmp_path, given, 250)
    alone = np.bincount(rows)[rows] == 1
    assert 20 < alone.sum() < 250
    np.testing.assert_array_equal(given.rows[alone], out.rows[rows[alone]])
    assert (np.diff(out["id"]) > 0).all()


def slow(given: GaussianCloud, rows: Array, new: int) -> dict[str, Array]:
    """What the rows that became row `new` are together, with masses as weights."""
    members = np.flatnonzero(rows == new)
    scales = np.exp(given.columns(fields.SCALE).T[members].astype(np.float64))
    covariances = []
    for scale, (w, x, y, z) in zip(
        scales, given.columns(fields.ROTATION).T[members].astype(float), strict=True
    ):
        n = np.sqrt(w * w + x * x + y * y + z * z)
        w, x, y, z = w / n, x / n, y / n, z / n
        turn = np.array([
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ])  # fmt: skip
        covariances.append(turn @ np.diag(scale**2) @ turn.T)
    mass = fields.sigmoid(given["opacity"][members]) * [size(each) for each in covariances]
    share = mass / mass.sum()
    xyz = given.xyz[members].astype(np.float64)
    mean = share @ xyz
    both = sum(s * (c + np.outer(d, d)) for s, c, d in zip(share, covariances, xyz - mean, strict=True))
    over = max(1.0, mass.sum() / (0.9999 * size(both)))
    colors = [name for name in given.fields if name.startswith("f_")]
    return {
        "mean": mean,
        "covariance": both * over**0.3,
        "opacity": min(0.9999, mass.sum() / (size(both) * over**0.3)),
        "colors": share @ given.columns(colors).T[members],
        "chosen": members[mass.argmax()],
        "over": over,
    }


def size(covariance: Array) -> float:
    """The root mean square of a Gaussian's footprint from all directions, over 2 pi."""
    a, b, c = np.linalg.eigvalsh(covariance)
    return float(np.sqrt((a * b + a * c + b * c) / 3))


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("degree", [0, 3])
def test_a_merged_row_is_the_mean_of_its_rows_by_their_mass(tmp_path: Path, degree: int) -> None:
    opaque = np.random.default_rng(1).normal(3, 2, 150)
    given = cloud(150, degree, opacity=opaque.astype(np.float32)).with_columns(id=np.arange(150))
    result, out, rows = run(tmp_path, given, 40, views=0)
    assert result.looked is None
    assert result.looks is None
    over = []
    for new in np.flatnonzero(np.bincount(rows) > 1):
        wanted = slow(given, rows, int(new))
        np.testing.assert_allclose(out.xyz[new], wanted["mean"], atol=1e-5)
        alone = slow(out[[int(new)]], np.zeros(1, int), 0)
        np.testing.assert_allclose(alone["mean"], wanted["mean"], atol=1e-5)
        scale = np.abs(wanted["covariance"]).max()
        covariance = alone["covariance"] / alone["over"] ** 0.3
        np.testing.assert_allclose(covariance, wanted["covariance"], atol=1e-4 * scale)
        np.testing.assert_allclose(fields.sigmoid(out["opacity"][new]), wanted["opacity"], rtol=1e-4)
        colors = [name for name in given.fields if name.startswith("f_")]
        np.testing.assert_allclose(out.columns(colors)[:, new], wanted["colors"], atol=1e-5)
        assert out["id"][new] == wanted["chosen"]
        over.append(wanted["over"])
    assert max(over) > 1.2
    assert min(over) == 1


@pytest.mark.compiled
def test_labels_are_chosen_and_measures_averaged(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    given = cloud(200).with_columns(
        label=rng.integers(0, 5, 200).astype(np.uint8),
        segment=rng.integers(0, 5, 200).astype(np.float32),
        weight=rng.uniform(0, 1, 200),
        gap=np.where(rng.random(200) < 0.5, np.nan, 0.5),
    )
    result, out, rows = run(tmp_path, given, 50)
    assert result.averaged == ("weight",)
    assert result.chosen == ("label", "segment", "gap")
    for name in ("label", "segment"):
        for new in range(50):
            assert out[name][new] in given[name][rows == new]
    merged = np.bincount(rows) > 1
    assert not np.isin(out["weight"][merged], given["weight"]).any()
    assert out["weight"].min() > 0
    assert out["weight"].max() < 1


@pytest.mark.usefixtures("kernels")
def test_many_rows_of_one_place_are_merged_all_the_same(tmp_path: Path) -> None:
    """Each row's nearest are its own copies: once they are one, there are others."""
    given = cloud(20, 1)[np.repeat(np.arange(20), 10)]
    _, out, rows = run(tmp_path, given, 20, views=0)
    assert len(out) == 20
    assert all(len(set(rows[10 * i : 10 * i + 10].tolist())) == 1 for i in range(20))
    assert len(run(tmp_path, given, 3, views=0)[1]) == 3


@pytest.mark.compiled
def test_threads_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = scene.make(4000, sh_degree=1)
    path, written = saved(tmp_path, given), []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("GSCLI_THREADS", threads)
        simplify(path, tmp_path / "out.ply", target="20%", overwrite=True)
        written.append((tmp_path / "out.ply").read_bytes())
    assert written[0] == written[1] == written[2]


@pytest.mark.compiled
@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_harmonics_of_any_degree_are_kept(tmp_path: Path, degree: int) -> None:
    _, out, _ = run(tmp_path, cloud(120, degree), 30)
    assert fields.sh_degree(out.fields) == degree
    assert np.isfinite(out.columns(out.fields)).all()


@pytest.mark.compiled
def test_positions_keep_their_type_and_place(tmp_path: Path) -> None:
    given = cloud(200)
    far = {name: given[name].astype(np.float64) + 4_000_000 for name in fields.POSITION}
    moved = GaussianCloud.from_columns({**{name: given[name] for name in given.fields}, **far})
    _, out, rows = run(tmp_path, moved, 60, views=0)
    assert out.rows.dtype["x"] == np.float64
    near, same = run(tmp_path, given, 60, views=0)[1:]
    np.testing.assert_array_equal(rows, same)
    np.testing.assert_allclose(out.xyz - 4_000_000, near.xyz, atol=1e-6)


@pytest.mark.compiled
def test_it_looks_more_like_the_scene_than_selected_rows_do(tmp_path: Path) -> None:
    from gscli import compare

    path = saved(tmp_path, scene.make(6000))
    result = simplify(path, tmp_path / "merged.ply", target="15%")
    resample(path, tmp_path / "picked.ply", target="15%", pick="opacity")
    psnr = {
        name: compare(tmp_path / f"{name}.ply", path, render=True, size=160).render
        for name in ("merged", "picked")
    }
    assert all(each is not None and each.psnr.foreground for each in psnr.values())
    assert psnr["merged"].psnr.foreground > psnr["picked"].psnr.foreground + 3  # type: ignore[union-attr]
    assert result.looks is not None
    assert result.looks.psnr.foreground is not None
    assert result.looks.worst is not None
    assert result.looks.psnr.foreground > result.looks.worst > 10


def discs(count: int) -> GaussianCloud:
    """A sphere of opaque discs of one size, which overlap."""
    rng = np.random.default_rng(0)
    normals = rng.normal(0, 1, (count, 3))
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    x, y, z = normals.T
    turns = np.stack([1 + z, -y, x, np.zeros(count)])  # from z to the normal
    turns /= np.linalg.norm(turns, axis=0)
    columns = dict(zip(fields.POSITION, normals.T, strict=True)) | dict(
        zip(fields.ROTATION, turns, strict=True)
    )
    columns |= {"scale_0": np.full(count, np.log(3 / np.sqrt(count)))}
    columns |= {"scale_1": columns["scale_0"], "scale_2": columns["scale_0"] - 3}
    columns |= {
        "opacity": np.full(count, 8.0),
        **{name: np.sin(3 * x + i) for i, name in enumerate(fields.SH_DC)},
    }
    return GaussianCloud.from_columns({name: np.asarray(v, np.float32) for name, v in columns.items()})


@pytest.mark.compiled
def test_an_opaque_surface_stays_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more is to be shown than an opaque Gaussian can, it grows."""
    given = discs(4000)

    def opened(shown: GaussianCloud) -> float:
        cameras = look.from_where(given, None, 6, 400)
        alphas = (
            look.drawn(shown, "scene", rasterizers.chosen("auto")).draw(camera).alpha for camera in cameras
        )
        return sum(float((1 - alpha[60:100, 60:100]).mean()) for alpha in alphas if alpha is not None)

    result, out, _ = run(tmp_path, given, 400)
    assert result.looked is not None
    assert result.looked.growth is not None
    assert result.looked.growth > 0.1
    monkeypatch.setattr(merged, "GROWTHS", (0.0,))
    monkeypatch.setattr(merged, "BLIND", 0.0)
    without, ungrown, _ = run(tmp_path, given, 400)
    assert result.looks is not None
    assert without.looks is not None
    assert result.looks.psnr.foreground > without.looks.psnr.foreground + 2  # type: ignore[operator]
    assert opened(given) < 0.01
    assert opened(out) < 0.3 * opened(ungrown)


@pytest.mark.compiled
def test_an_antialiased_scene_stays_one(tmp_path: Path) -> None:
    given = scene.make(1500).with_comment("SplatRenderMode: mip")
    result, out, _ = run(tmp_path, given, "30%")
    assert out.render_mode == "mip"
    usual = run(tmp_path, replace(given, header=replace(given.header, comments=())), "30%")[0]
    assert result.looks is not None
    assert usual.looks is not None
    assert result.looks.psnr != usual.looks.psnr


@pytest.mark.compiled
def test_what_the_scene_is_looked_at_from_decides(tmp_path: Path) -> None:
    """What the cameras of a file do not see is merged first."""
    given = scene.make(3000)
    pose = {"position": [0, 0, 6], "rotation": [[1, 0, 0], [0, -1, 0], [0, 0, -1]]}
    lens = {"fx": 800, "fy": 800, "width": 640, "height": 480}
    path = tmp_path / "cameras.json"
    path.write_text(json.dumps([{"img_name": f"{i}", **pose, **lens} for i in range(3)]))
    result, out, rows = run(tmp_path, given, "30%", cameras=path)
    assert result.looked is not None
    assert result.looks is not None
    assert (result.looked.views, result.looks.views) == (3, 3)
    around = run(tmp_path, given, "30%")[2]
    assert (rows != around).any()
    assert "cameras='cameras.json'" in out.header.comments[-1]
    assert run(tmp_path, given, "30%", cameras=path, views=2)[0].looked.views == 2  # type: ignore[union-attr]


@pytest.mark.compiled
def test_the_fewest_are_left_that_look_so_much_alike(tmp_path: Path) -> None:
    """They are the same as if so many had been asked for; a hundredth fewer look less alike."""
    path = saved(tmp_path, scene.make(1500, sh_degree=1))
    result = simplify(path, tmp_path / "out.ply", min_psnr=30)
    assert result.looks is not None
    assert result.searched is not None
    assert result.searched.short is not None
    assert result.searched.short_of is not None
    both = [result.looks.psnr.foreground, result.looks.on_white.foreground]
    assert min(both) == result.searched.reached  # type: ignore[type-var]
    assert result.searched.short_of < 30 <= result.searched.reached  # type: ignore[operator]
    assert 0 < result.kept - result.searched.short <= max(1, result.searched.short // 100)
    assert 2 <= result.searched.tried <= 12
    for count, reached in (
        (result.kept, result.searched.reached),
        (result.searched.short, result.searched.short_of),
    ):
        alone = simplify(path, tmp_path / "alone.ply", target=count, views=10, overwrite=True)
        assert alone.looks is not None
        assert min(alone.looks.psnr.foreground, alone.looks.on_white.foreground) == reached  # type: ignore[type-var]
        if count == result.kept:
            one, other = formats.read(tmp_path / "out.ply"), formats.read(tmp_path / "alone.ply")
            assert one.rows.tobytes() == other.rows.tobytes()
    assert " simplify min_psnr=30 views=10 growth=" in one.header.comments[-1]


@pytest.mark.compiled
def test_one_that_has_to_look_like_itself_is_left_alone(tmp_path: Path) -> None:
    path = saved(tmp_path, scene.make(400))
    with pytest.raises(GateMissed, match=r"min_psnr 300 with any fewer Gaussians: with 399 of 400 left it"):
        simplify(path, tmp_path / "out.ply", min_psnr=300)
    with pytest.raises(GateMissed, match="there is 1"):
        simplify(saved(tmp_path, cloud(1)), tmp_path / "out.ply", min_psnr=30)
    assert not (tmp_path / "out.ply").exists()


@pytest.mark.compiled
def test_what_nobody_sees_is_one_gaussian(tmp_path: Path) -> None:
    given = cloud(90, opacity=np.full(90, -20, np.float32))
    result = simplify(saved(tmp_path, given), tmp_path / "out.ply", min_psnr=40)
    assert result.kept == 1
    assert result.searched is not None
    assert (result.searched.reached, result.searched.short) == (None, None)


@pytest.mark.compiled
def test_nothing_is_merged_where_all_are_to_stay(tmp_path: Path) -> None:
    given = cloud(50, 1)
    result, out, rows = run(tmp_path, given, "100%")
    assert out.rows.tobytes() == given.rows.tobytes()
    np.testing.assert_array_equal(rows, np.arange(50))
    assert result.looks is not None
    assert result.looks.psnr.pooled is None


@pytest.mark.compiled
def test_a_file_tells_how_it_was_made(tmp_path: Path) -> None:
    from gscli import __version__

    result, out, _ = run(tmp_path, scene.make(500), "50%")
    assert result.looked is not None
    line = f"gscli {__version__} simplify target=50% views=8 growth={result.looked.growth}"
    assert out.header.comments[-1] == line


@pytest.mark.compiled
def test_rows_are_those_of_the_file_where_its_format_sorts_them(tmp_path: Path) -> None:
    given = scene.make(600)
    path = saved(tmp_path, given)
    rows = {}
    for name in ("out.ply", "out.compressed.ply"):
        index = tmp_path / f"{name}.npy"
        simplify(path, tmp_path / name, target=200, index=index, allow_lossy=True)
        rows[name] = formats.read(tmp_path / name).xyz[np.load(index)]
    np.testing.assert_allclose(rows["out.ply"], rows["out.compressed.ply"], atol=0.02)


@pytest.mark.compiled
def test_the_document_says_what_was_done(tmp_path: Path) -> None:
    result, _, _ = run(tmp_path, cloud(80).with_columns(label=np.arange(80)), "50%")
    told = result.to_dict()
    assert list(told) == [
        *("schema", "version", "input", "options", "output", "merged", "cells", "search"),
        *("look", "render"),
        *("notes", "timings_s"),
    ]
    assert told["schema"] == "gscli/simplify/1"
    assert told["output"]["fraction"] == 0.5
    assert list(told["merged"]) == ["points", "of", "untouched", "averaged", "of_the_weightiest"]
    assert told["merged"]["of_the_weightiest"] == ["label"]
    assert list(told["look"]) == ["views", "around", "cameras_sha256", "growth", "rasterizer"]
    assert list(told["render"]) == [
        *("views", "around", "cameras_sha256", "psnr", "on_white", "worst", "alpha_mae")
    ]
    assert repr(result).startswith("<Simplified: input ")


REFUSED: dict[str, tuple[GaussianCloud, str]] = {
    "points": (cloud(5)[:0].take([]).take([]), "has no points"),
    "bare": (
        GaussianCloud.from_columns({name: np.zeros(5, np.float32) for name in "xyz"}),
        "holds points and no Gaussians.*thin it by resample",
    ),
    "flat": (cloud(5).with_comment("SplatRenderMode: 2dgs"), "holds flat splats of 2DGS"),
    "student": (cloud(5).with_comment("use_student_t True"), "holds Student's t distributions"),
    "colourless": (
        GaussianCloud.from_columns({n: cloud(5)[n] for n in cloud(5).fields if n[:2] != "f_"}),
        "has no colours of degree 0 to 4",
    ),
    "not finite": (
        cloud(5).with_columns(scale_0=np.array([0, np.nan, 0, np.inf, 0], np.float32)),
        "no renderer can draw: 2 with another value that is not; drop them first",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_merged_is_refused_by_name(tmp_path: Path, name: str) -> None:
    given, why = REFUSED[name]
    path = saved(tmp_path, given)
    target = "50%"
    with pytest.raises(InputError, match=why):
        simplify(path, tmp_path / "out.ply", target=target, views=0)
    assert not (tmp_path / "out.ply").exists()


def test_densities_are_refused_by_name(tmp_path: Path) -> None:
    given = cloud(5)
    columns = {"density" if name == "opacity" else name: given[name] for name in given.fields}
    with pytest.raises(InputError, match="densities seen by X-rays, which are not merged"):
        simplify(
            saved(tmp_path, GaussianCloud.from_columns(columns)), tmp_path / "out.ply", target=2, views=0
        )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"target": "0"}, "target 0 leaves nothing of 9; ask for 1 at least"),
        ({"target": "5%"}, "target 5% leaves nothing of 9"),
        ({"target": 10}, "exceeds the 9 points there are"),
        ({"target": "some"}, "neither a number of points nor a percentage"),
        ({"target": 5, "views": -1}, "views must be a whole number from 0"),
        ({"target": 5, "views": True}, "views must be a whole number from 0"),
        ({"target": 5, "cameras": "cameras.json"}, "cameras has no effect with views=0"),
        ({}, "give either target or min_psnr"),
        ({"target": 5, "min_psnr": 30}, "give either target or min_psnr"),
        ({"min_psnr": 30}, "min_psnr has no effect with views=0"),
        ({"min_psnr": float("nan")}, "min_psnr must be a number of dB over 0, not nan"),
        ({"min_psnr": 0}, "min_psnr must be a number of dB over 0, not 0"),
        ({"min_psnr": float("inf")}, "min_psnr must be a number of dB over 0, not inf"),
        ({"min_psnr": "30 dB"}, "min_psnr must be a number of dB over 0, not '30 dB'"),
        ({"min_psnr": True}, "min_psnr must be a number of dB over 0, not True"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: dict[str, Any], why: str) -> None:
    path = saved(tmp_path, cloud(9))
    with pytest.raises(UsageError, match=why):
        simplify(path, tmp_path / "out.ply", **{"views": 0, **options})


def test_nothing_is_replaced_without_leave(tmp_path: Path) -> None:
    path = saved(tmp_path, cloud(9))
    for output, index in ((path, None), (tmp_path / "out.ply", path)):
        with pytest.raises((WriteRefused, UsageError)):
            simplify(path, output, target=3, views=0, index=index)
    simplify(path, path, target=3, views=0, overwrite=True)
    assert len(formats.read(path)) == 3


def test_without_kernels_one_is_told_how_to_do_without_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gscli.runtime.libraries import Trouble

    monkeypatch.setattr(_core, "trouble", lambda: Trouble("are not built", "reinstall gscli"))
    with pytest.raises(
        EngineUnavailable, match=r"compiled kernels are not built; .*without looking, by views=0"
    ):
        simplify(saved(tmp_path, cloud(9)), tmp_path / "out.ply", target=3)
