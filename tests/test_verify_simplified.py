"""``gscli verify`` passes what simplify made and fails everything else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gscli import _core, formats, resample, scene, simplify
from gscli.cli import main
from gscli.cloud import GaussianCloud
from gscli.errors import EngineUnavailable, GateMissed, InputError, UsageError
from gscli.verify import Verified, verify


@pytest.fixture
def source(tmp_path: Path) -> Path:
    given = scene.make(700, sh_degree=1).with_columns(label=np.arange(700, dtype="u2"))
    formats.write(tmp_path / "scene.ply", given)
    return tmp_path / "scene.ply"


def made(source: Path, name: str = "small.ply", **settings: Any) -> Path:
    settings = {"target": "30%", "index": source.parent / "rows.npy", "overwrite": True, **settings}
    simplify(source, source.parent / name, **settings)
    return source.parent / name


def checks(result: Verified) -> dict[str, bool]:
    ((_, _, found),) = result.draws
    return {check.name: check.passed for check in found}


BLIND = {"target": "30%", "views": 0}
SETTINGS = [
    pytest.param({"target": "30%"}, marks=pytest.mark.compiled),
    pytest.param({"target": 500}, marks=pytest.mark.compiled),
    pytest.param({"min_psnr": 27.5, "views": 4}, marks=pytest.mark.compiled),
    pytest.param({"target": 700}, marks=pytest.mark.compiled),
    pytest.param(BLIND),
    pytest.param({"target": 1, "views": 0}),
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("mapped", [True, False])
def test_what_simplify_wrote_passes(source: Path, settings: dict[str, Any], mapped: bool) -> None:
    small = made(source, **{"target": None, **settings})
    result = verify(source, small, rows=source.parent / "rows.npy" if mapped else None)
    assert checks(result) == dict.fromkeys(
        ["count", "columns", "untouched", "merged", *["map"] * mapped], True
    )
    result.require()
    told = result.to_dict()["draws"][0]
    assert (told["method"], told["said_by"]) == ("simplify", "comment")


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["small.compressed.ply", "small.npz"])
def test_formats_that_round_or_sort_or_have_no_comments(source: Path, name: str) -> None:
    small = made(source, name, allow_lossy=True)
    if not formats.read(small).header.comments:
        with pytest.raises(InputError, match="does not say how it was drawn"):
            verify(source, small)
        return
    assert all(checks(verify(source, small, rows=source.parent / "rows.npy")).values())


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_report_that_is_true_passes(source: Path, settings: dict[str, Any]) -> None:
    mapped = "min_psnr" not in settings
    small, report = reported(source, **{"target": None, **settings})
    rows = source.parent / "rows.npy" if mapped else None
    result = verify(source, small, expect=report, rows=rows)
    assert checks(result) == dict.fromkeys(
        ["count", "columns", "untouched", "merged", *["map"] * mapped, "report", "comment"], True
    )
    assert result.to_dict()["draws"][0]["said_by"] == "report"


def reported(source: Path, name: str = "small.ply", **settings: Any) -> tuple[Path, Path]:
    """A simplified scene and its report."""
    settings = {"target": "30%", "index": source.parent / "rows.npy", "overwrite": True, **settings}
    told = simplify(source, source.parent / name, **settings).to_dict()
    report = source.parent / "small.json"
    report.write_text(json.dumps(told))
    return source.parent / name, report


def leaves(value: Any, *keys: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every figure of a document by where it is."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from leaves(inside, *keys, key)
    else:
        yield keys, value


BELIEVED = ("version", "notes", "timings_s")
HOW = ("schema", "options")  # what says what to do again, of which other tests are


@pytest.mark.compiled
def test_every_figure_of_a_report_is_held_to_the_scene(source: Path) -> None:
    small, report = reported(source, target=None, min_psnr=26.0, views=4)
    told = json.loads(report.read_text())
    figures = [
        (keys, value) for keys, value in leaves(told) if keys[0] not in BELIEVED + HOW and "path" not in keys
    ]
    known = [keys for keys, _ in figures if keys not in (("output", "index"), ("look", "rasterizer"))]
    assert len(known) >= 30
    for keys in known:
        at = told
        for key in keys[:-1]:
            at = at[key]
        at[keys[-1]] = at[keys[-1]] + 1 if isinstance(at[keys[-1]], (int, float)) else "another"
    told["look"]["growth"], told["look"]["views"] = 0.25, 5
    report.write_text(json.dumps(told))
    result = verify(source, small, expect=report)
    assert {name for name, passed in checks(result).items() if not passed} == {"report", "comment"}
    (found,) = (check for check in result.draws[0][2] if check.name == "report")
    assert found.violations == len(known)


def test_a_report_of_another_run_is_caught(source: Path) -> None:
    small, report = reported(source, **BLIND)
    said = json.loads(report.read_text())

    def failing(**options: Any) -> set[str]:
        report.write_text(json.dumps({**said, "options": {**said["options"], **options}}))
        found = checks(verify(source, small, expect=report))
        return {name for name, passed in found.items() if not passed}

    assert failing() == set()
    assert failing(target="40%") == {"count", "comment"}
    assert failing(target="210") == {"comment"}  # as many as 30 %
    other = made(source, "other.ply", **{**BLIND, "target": "29%"})
    assert failing() == set()
    small = other
    assert failing() == {"count", "comment"}


@pytest.mark.compiled
def test_a_limit_that_is_another_is_caught(source: Path) -> None:
    small, report = reported(source, target=None, min_psnr=26.0, views=4)
    said = json.loads(report.read_text())
    for limit, words in ((24.0, "by the report's options"), (400.0, "no run does what the report says")):
        report.write_text(json.dumps({**said, "options": {**said["options"], "min_psnr": limit}}))
        result = verify(source, small, expect=report)
        assert [name for name, passed in checks(result).items() if not passed] == ["report", "comment"]
        assert limit == 24.0 or words in str(result.draws[0][2])
        assert limit == 400.0 or result.draws[0][2][-2].violations > 3


def test_a_report_of_a_file_without_comments_is_enough(source: Path) -> None:
    small, report = reported(source, **BLIND)
    rows = np.array(formats.read(small).rows)
    formats.write(small, GaussianCloud(rows), overwrite=True)
    assert list(checks(verify(source, small, expect=report)).values()) == [True] * 5
    formats.write(small, GaussianCloud(nudged(rows, 3)), overwrite=True)
    assert not all(checks(verify(source, small, expect=report)).values())


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("options",), None),
        (("options", "target"), 7),
        (("options", "target"), "much"),
        (("options", "target"), "900"),
        (("options", "target"), None),
        (("options", "min_psnr"), 30),
        (("options", "views"), -1),
        (("options", "views"), 1e9),
        (("options", "cameras"), ["a"]),
        (("schema",), "gscli/simplify/9"),
        (("schema",), ["gscli/simplify/1"]),
    ],
)
def test_a_report_that_says_what_cannot_be_is_bad_input(
    source: Path, keys: tuple[str, ...], value: Any
) -> None:
    small, report = reported(source, **BLIND)
    said = json.loads(report.read_text())
    at = said
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    report.write_text(json.dumps(said))
    with pytest.raises(InputError, match=r"is no report of gscli|cannot be what it claims"):
        verify(source, small, expect=report)


@pytest.mark.compiled
@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"views": "4", "growth": 0.3, "rasterizer": "core"},
        {"views": 4, "growth": [1], "rasterizer": "core"},
        {"views": 4, "growth": 0.3, "rasterizer": "another"},
        {"views": 4, "growth": 0.3, "rasterizer": ["core"]},
    ],
)
def test_a_report_whose_look_is_none_is_bad_input(source: Path, value: Any) -> None:
    small, report = reported(source, views=4)
    report.write_text(json.dumps({**json.loads(report.read_text()), "look": value}))
    with pytest.raises(InputError, match="is no report of gscli simplify"):
        verify(source, small, expect=report)


def rewritten(path: Path, change: Any) -> Path:
    given = formats.read(path)
    formats.write(path, GaussianCloud(change(np.array(given.rows)), given.header), overwrite=True)
    return path


def nudged(rows: Any, at: int) -> Any:
    rows["f_dc_1"][at] = np.nextafter(rows["f_dc_1"][at], np.float32(9))
    return rows


@pytest.mark.parametrize("mapped", [True, False])
def test_a_row_that_is_off_by_a_bit_is_caught(source: Path, mapped: bool) -> None:
    small = made(source, **BLIND)
    path = source.parent / "rows.npy"
    sizes = np.bincount(np.load(path))
    for of_one, name in ((True, "untouched"), (False, "merged")):
        at = int(np.flatnonzero((sizes == 1) == of_one)[2])
        wrong = rewritten(
            made(source, "wrong.ply", index=None, **BLIND), lambda rows, at=at: nudged(rows, at)
        )
        result = verify(source, wrong, rows=path if mapped else None)
        assert [check for check, passed in checks(result).items() if not passed] == [name]
        with pytest.raises(GateMissed, match=f"row {at} is not"):
            result.require()
    assert all(checks(verify(source, small)).values())


def test_rows_that_are_missing_or_moved_are_caught(source: Path) -> None:
    def failing(change: Any) -> set[str]:
        result = verify(source, rewritten(made(source, **BLIND), change))
        return {name for name, passed in checks(result).items() if not passed}

    assert failing(lambda rows: rows[:-1]) == {"count"}
    assert failing(lambda rows: rows[:0]) == {"count"}
    assert failing(lambda rows: rows[::-1]) == {"untouched", "merged"}
    assert failing(lambda rows: rows[[name for name in rows.dtype.names if name != "label"]].copy()) == {
        "columns"
    }


def test_a_map_that_says_otherwise_is_caught(source: Path) -> None:
    small, path = made(source, **BLIND), source.parent / "rows.npy"
    rows = np.load(path)
    sizes = np.bincount(rows)
    big = np.flatnonzero(sizes > 2)[:2]
    rows[np.flatnonzero(rows == big[0])[0]] = big[1]  # a row said to be part of another
    np.save(path, rows)
    assert not checks(verify(source, small, rows=path))["merged"]
    rows = np.argsort(np.argsort(-np.load(path), kind="stable"), kind="stable") * 0 + (rows.max() - rows)
    np.save(path, rows)  # every number another's
    result = verify(source, small, rows=path)
    assert not checks(result)["map"]
    assert "of the scene is not in row" in str(result.draws[0][2])
    for wrong in (rows[:-1], np.zeros(700, int), rows + 1, rows.astype(float), rows[:, None]):
        np.save(path, wrong)
        with pytest.raises(InputError, match=r"rows\.npy"):
            verify(source, small, rows=path)


@pytest.mark.parametrize(
    ("true", "said"),
    [
        (b"target=30% ", b"target=x3% "),
        (b"views=0 ", b"views=x "),
        (b"growth=0.3", b"growth=0.4"),
        (b"growth=0.3", b"growth=nan"),
        (b"target=30% ", b"min_psnr=0 "),
        (b"target=30% ", b"target=900 "),
    ],
)
def test_a_comment_that_says_what_cannot_be_is_bad_input(source: Path, true: bytes, said: bytes) -> None:
    small = made(source, **BLIND)
    assert small.read_bytes().count(true) == 1
    small.write_bytes(small.read_bytes().replace(true, said))
    with pytest.raises(InputError, match=r"small\.ply: (its provenance|cannot be what)"):
        verify(source, small)


@pytest.mark.compiled
def test_growth_and_views_that_were_others_are_caught(source: Path) -> None:
    small = made(source, views=5)
    text = small.read_bytes()
    (growth,) = (word for word in text.split(b"\n") if b" simplify " in word)
    power = growth.rsplit(b"growth=", 1)[1]
    other = b"0.6" if power != b"0.6" else b"0.0"
    small.write_bytes(text.replace(b"growth=" + power, b"growth=" + other))
    assert not checks(verify(source, small, rows=source.parent / "rows.npy"))["merged"]
    small.write_bytes(text.replace(b"views=5", b"views=2"))
    assert not checks(verify(source, small, rows=source.parent / "rows.npy"))["merged"]


@pytest.mark.compiled
def test_cameras_of_a_file_are_asked_for(source: Path, tmp_path: Path) -> None:
    pose = {"position": [0, 0, 6], "rotation": [[1, 0, 0], [0, -1, 0], [0, 0, -1]]}
    lens = {"fx": 800, "fy": 800, "width": 640, "height": 480}
    path = tmp_path / "cameras.json"
    path.write_text(json.dumps([{"img_name": f"{i}", **pose, **lens} for i in range(3)]))
    small = made(source, cameras=path)
    with pytest.raises(InputError, match=r"looked at from cameras of cameras\.json; give that file"):
        verify(source, small)
    assert all(checks(verify(source, small, cameras=path)).values())
    with pytest.raises(UsageError, match="was looked at from all around"):
        verify(source, made(source, "other.ply", **BLIND), cameras=path)


def test_the_last_comment_counts(source: Path) -> None:
    """A draw of a simplified scene is a draw of that; a simplified draw was simplified from the draw."""
    small = made(source, **BLIND)
    resample(small, source.parent / "half.ply", voxel_size=1.0)
    assert "subset" in checks(verify(small, source.parent / "half.ply"))
    again = source.parent / "again.ply"
    simplify(source.parent / "half.ply", again, target="50%", views=0)
    assert "merged" in checks(verify(source.parent / "half.ply", again))


def test_options_without_effect_are_refused(source: Path) -> None:
    (small, report), half = reported(source, **BLIND), source.parent / "half.ply"
    resample(source, half, voxel_size=1.0)
    rows = source.parent / "rows.npy"
    for draws, more, words in (
        ([half], {"rows": rows}, "rows is about simplified scenes"),
        ([small, small], {"rows": rows}, "rows is about one simplified scene"),
        ([small, small], {"expect": report}, "expect is about one simplified scene"),
        ([small], {"grid_file": str(rows)}, "grid_file has no effect"),
    ):
        with pytest.raises(UsageError, match=words):
            verify(source, draws, **more)
    assert len(verify(source, [small, half]).draws) == 2


@pytest.mark.compiled
def test_without_kernels_nothing_is_claimed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gscli.runtime.libraries import Trouble

    small = made(source)
    monkeypatch.setattr(_core, "trouble", lambda: Trouble("are not built", "reinstall gscli"))
    with pytest.raises(EngineUnavailable, match="compiled kernels are not built"):
        verify(source, small)


@pytest.mark.compiled
def test_it_is_told_on_the_command_line(source: Path) -> None:
    small, rows = made(source), source.parent / "rows.npy"
    done = CliRunner().invoke(main, ["verify", str(source), str(small), "--rows", str(rows)])
    assert done.exit_code == 0
    assert "small.ply: simplify, target=30%, 10 views, growth 0" in done.stdout
    assert "by its comment; passed count, columns, untouched, merged, map" in done.stdout
    rewritten(small, lambda rows: nudged(rows, 3))
    done = CliRunner().invoke(main, ["verify", str(source), str(small)])
    assert done.exit_code == 6
    assert "row 3 is not" in done.stdout
