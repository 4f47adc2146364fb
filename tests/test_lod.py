"""Levels of detail: what simplify makes of the scene, each of the one before it, and what viewers read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gscli import _core, formats, lod, simplify
from gscli.cli import main
from gscli.errors import GateMissed, GscliError, InputError, UsageError, WriteRefused
from gscli.lod import Levels
from gscli.simplifying import streaming
from tests.drawn import cloud


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    path = tmp_path / "scene.ply"
    formats.write(path, cloud(400, 1))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.compiled
def test_each_level_is_what_simplify_makes_of_the_scene(scene: Path, tmp_path: Path) -> None:
    result = lod(scene, tmp_path / "levels", levels=4, ratio=0.5)
    assert [each.points for each in result.levels] == [400, 200, 100, 50]
    assert np.array_equal(formats.read(tmp_path / "levels/0.ply").rows, formats.read(scene).rows)
    for level in result.levels[1:]:
        alone = simplify(scene, tmp_path / "one.ply", target=level.points, views=10, overwrite=True)
        assert (tmp_path / f"levels/{level.level}.ply").read_bytes() == (tmp_path / "one.ply").read_bytes()
        assert alone.looks == level.looks
        assert alone.looked is not None
        assert alone.looked.growth == level.growth


@pytest.mark.compiled
def test_levels_are_nested(scene: Path, tmp_path: Path) -> None:
    """Rows that are one in a level are one in every coarser level."""
    before = np.arange(400)
    for level in lod(scene, tmp_path / "levels", levels=5, ratio=0.4).levels[1:]:
        rows = tmp_path / f"{level.level}.npy"
        simplify(scene, tmp_path / "x.ply", target=level.points, views=10, index=rows, overwrite=True)
        became = np.load(rows)
        for old in range(before.max() + 1):
            assert len(set(became[before == old])) == 1
        before = became


@pytest.mark.compiled
def test_what_is_said_is_in_the_folder_and_the_same_every_time(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = lod(scene, tmp_path / "a", levels=3)
    monkeypatch.setenv("GSCLI_THREADS", "3")
    lod(scene, tmp_path / "b", levels=3)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert sorted(contents(tmp_path / "a")) == ["0.ply", "1.ply", "2.ply", "lod.json"]
    index = json.loads((tmp_path / "a/lod.json").read_text())
    document = json.loads(json.dumps(result.to_dict()))
    assert {**index, "output": document["output"], "timings_s": document["timings_s"]} == document
    assert index["schema"] == "gscli/lod/1"
    first, second, _ = index["levels"]
    assert (first["render"], first["files"], first["fraction"]) == (None, ["0.ply"], 1.0)
    assert second["render"]["psnr"]["foreground"] > 20
    assert "levels [400, 200, 100]" in repr(result)


@pytest.mark.compiled
def test_levels_end_before_the_first_that_falls_short(scene: Path, tmp_path: Path) -> None:
    free = lod(scene, tmp_path / "free", levels=5)
    figures = [min(x.looks.psnr.foreground, x.looks.on_white.foreground) for x in free.levels[1:] if x.looks]
    limit = (figures[1] + figures[2]) / 2
    assert figures[0] > figures[1] > limit > figures[2]
    result = lod(scene, tmp_path / "held", max_error=f"{limit:.6f}dB")
    assert [each.points for each in result.levels] == [400, 200, 100]
    assert result.short is not None
    assert (result.short.points, result.short.psnr) == (50, figures[2])
    assert sorted(contents(tmp_path / "held")) == ["0.ply", "1.ply", "2.ply", "lod.json"]
    both = lod(scene, tmp_path / "both", max_error=limit, levels=2)
    assert (len(both.levels), both.short) == (2, None)
    with pytest.raises(
        GateMissed, match=r"looks less like itself than max_error 99 dB .* with 200 of 400 left"
    ):
        lod(scene, tmp_path / "none", max_error="99 db")
    assert not (tmp_path / "none").exists()


@pytest.mark.compiled
def test_levels_that_would_be_equal_are_left_out(scene: Path, tmp_path: Path) -> None:
    formats.write(tmp_path / "few.ply", cloud(5), overwrite=True)
    result = lod(tmp_path / "few.ply", tmp_path / "levels", levels=9, ratio=0.6)
    assert [each.points for each in result.levels] == [5, 3, 1]


def test_one_gaussian_is_told_as_one(tmp_path: Path) -> None:
    formats.write(tmp_path / "few.ply", cloud(40))
    told = CliRunner().invoke(
        main, ["lod", f"{tmp_path}/few.ply", f"{tmp_path}/levels", "--ratio", ".15", "--views", "0"]
    )
    lines = [line for line in told.stderr.splitlines() if line.startswith("level")]
    assert lines == [
        "level 0  40 Gaussians, 100.0%: the scene itself",
        "level 1   6 Gaussians,  15.0%",
        "level 2   1 Gaussian,    2.5%",
    ]


@pytest.mark.usefixtures("kernels")
def test_without_looking_nothing_is_judged(scene: Path, tmp_path: Path) -> None:
    result = lod(scene, tmp_path / "levels", levels=3, views=0)
    assert result.looked is None
    assert [each.looks for each in result.levels] == [None] * 3
    simplify(scene, tmp_path / "one.ply", target=100, views=0)
    assert (tmp_path / "levels/2.ply").read_bytes() == (tmp_path / "one.ply").read_bytes()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"levels": 1}, "levels must be a whole number from 2 to 32, not 1"),
        ({"levels": 33}, "levels must be a whole number from 2 to 32, not 33"),
        ({"levels": 2.0}, "levels must be a whole number"),
        ({"ratio": 1}, "ratio must be a number between 0 and 1, not 1"),
        ({"ratio": float("nan")}, "ratio must be a number between 0 and 1, not nan"),
        ({"ratio": "half"}, "ratio must be a number between 0 and 1, not 'half'"),
        ({"max_error": "35%"}, "max_error must be a PSNR in dB over 0, as 35 or 35dB, not '35%'"),
        ({"max_error": 0}, "max_error must be a PSNR in dB over 0"),
        ({"max_error": float("inf")}, "max_error must be a PSNR in dB over 0"),
        ({"max_error": 30, "views": 0}, "max_error has no effect with views=0"),
        ({"to": "ksplat"}, "is read, but not written"),
        ({"to": "/"}, "to / is a folder, and a level is a file"),
        ({"to": "plie"}, "did you mean .ply"),
        ({"quality": "compact", "views": 0}, "has one quality"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    scene: Path, tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    if "views" not in options and not _core.available():
        options = {**options, "views": 0}
    with pytest.raises(UsageError, match=told):
        lod(scene, tmp_path / "levels", **options)
    assert not (tmp_path / "levels").exists()


@pytest.mark.usefixtures("kernels")
def test_what_a_format_would_lose_is_refused_first(scene: Path, tmp_path: Path) -> None:
    with pytest.raises(WriteRefused, match="would lose precision"):
        lod(scene, tmp_path / "levels", to="spz", views=0, levels=2)
    assert not (tmp_path / "levels").exists()
    lod(scene, tmp_path / "levels", to=".spz", views=0, levels=2, allow_lossy=True)
    assert sorted(contents(tmp_path / "levels")) == ["0.spz", "1.spz", "lod.json"]
    assert len(formats.read(tmp_path / "levels/1.spz")) == 200


@pytest.mark.usefixtures("kernels")
def test_nothing_but_levels_is_replaced(scene: Path, tmp_path: Path) -> None:
    folder = tmp_path / "levels"

    def made(**more: Any) -> Levels:
        return lod(scene, folder, levels=2, views=0, **more)

    folder.mkdir()
    made()  # an empty folder may be
    with pytest.raises(WriteRefused, match="exists already"):
        made()
    made(overwrite=True, ratio=0.25)
    assert len(formats.read(folder / "1.ply")) == 100
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(WriteRefused, match=r"holds more than levels, which would be deleted: notes\.txt"):
        made(overwrite=True)
    (folder / "notes.txt").unlink()
    for text in ("{}", "[]", "no json", '{"schema": "gscli/info/1"}'):
        (folder / "lod.json").write_text(text)
        with pytest.raises(WriteRefused, match="is a folder, but none of levels"):
            made(overwrite=True)
    shutil.rmtree(folder)
    folder.write_text("a file")
    with pytest.raises(WriteRefused, match="is a file"):
        made(overwrite=True)
    assert folder.read_text() == "a file"


@pytest.mark.usefixtures("kernels")
def test_a_scene_in_the_folder_that_is_replaced_is_read_before(scene: Path, tmp_path: Path) -> None:
    lod(scene, tmp_path / "levels", levels=2, views=0)
    lod(tmp_path / "levels/0.ply", tmp_path / "levels", levels=3, views=0, overwrite=True)
    assert np.array_equal(formats.read(tmp_path / "levels/0.ply").rows, formats.read(scene).rows)
    assert len(formats.read(tmp_path / "levels/2.ply")) == 100


@pytest.mark.usefixtures("kernels")
def test_points_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "points.xyz").write_text("0 0 0\n1 1 1\n")
    with pytest.raises(InputError, match="holds points and no Gaussians"):
        lod(tmp_path / "points.xyz", tmp_path / "levels", views=0)
    with pytest.raises(GscliError):
        lod(tmp_path / "absent.ply", tmp_path / "levels", views=0)
    assert not (tmp_path / "levels").exists()


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(
    ("kernels", "box", "file"),
    [
        *(("compiled", *sizes) for sizes in ((1000, 1000), (60, 1000), (60, 150), (1, 1))),
        ("without", 60, 150),  # which make rows, and know of no files
    ],
    indirect=["kernels"],
)
def test_levels_are_streamed_as_viewers_read_them(
    scene: Path, tmp_path: Path, box: int, file: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("PIL")
    monkeypatch.setattr(streaming, "BOX", box)
    monkeypatch.setattr(streaming, "FILE", file)
    plain = tmp_path / "plain"
    lod(scene, plain, levels=3, views=0)
    result = lod(scene, tmp_path / "stream", levels=3, views=0, to="sog", allow_lossy=True)
    meta = json.loads((tmp_path / "stream/lod-meta.json").read_text())
    assert (meta["version"], meta["lodLevels"], meta["counts"], meta["count"]) == (1, 3, [400, 200, 100], 700)
    assert [name for each in result.levels for name in each.files] == meta["filenames"]
    leaves = list(leaves_of(meta["tree"]))
    assert (len(leaves) > 1) == (box < 400)
    assert (len(meta["filenames"]) > 3) == (file < 400)
    for level in range(3):
        found = formats.read(f"{tmp_path / 'stream'}::{level}")
        wanted = formats.read(plain / f"{level}.ply")
        assert len(found) == len(wanted)
        for axis in "xyz":
            assert np.allclose(np.sort(found.rows[axis]), np.sort(wanted.rows[axis]), atol=1e-3)
        held = [leaf["lods"][str(level)] for leaf in leaves if str(level) in leaf["lods"]]
        assert sum(each["count"] for each in held) == len(wanted)
        for leaf in leaves:
            if str(level) in leaf["lods"]:
                part = leaf["lods"][str(level)]
                rows = formats.read(tmp_path / "stream" / meta["filenames"][part["file"]]).xyz
                rows = rows[part["offset"] : part["offset"] + part["count"]]
                assert (rows >= np.array(leaf["bound"]["min"]) - 1e-3).all()
                assert (rows <= np.array(leaf["bound"]["max"]) + 1e-3).all()
                low, high = np.array(leaf["bound"]["min"]), np.array(leaf["bound"]["max"])
                root = meta["tree"]["bound"]
                assert (low >= root["min"]).all()
                assert (high <= root["max"]).all()


def leaves_of(node: dict[str, Any]) -> Any:
    if "children" not in node:
        yield node
    for child in node.get("children", []):
        yield from leaves_of(child)


@pytest.mark.compiled
def test_the_command_tells_each_level(scene: Path, tmp_path: Path) -> None:
    arguments = ["lod", str(scene), str(tmp_path / "levels"), "--levels", "3", "--ratio", "0.25"]
    said = CliRunner().invoke(main, arguments)
    assert said.exit_code == 0, said.output
    lines = said.output.splitlines()
    assert lines[2].split() == ["level", "0", "400", "Gaussians,", "100.0%:", "the", "scene", "itself"]
    assert lines[4].startswith("level 2   25 Gaussians,   6.2%: ")
    assert "dB on black" in lines[4]
    assert any(line.endswith(": 3 levels (ply), lod.json") for line in lines)
    again = CliRunner().invoke(main, [*arguments, "--json"])
    assert again.exit_code == 4
    again = CliRunner().invoke(main, [*arguments, "--json", "--overwrite"])
    assert json.loads(again.stdout)["levels"][2]["points"] == 25
    missed = CliRunner().invoke(main, ["lod", str(scene), str(tmp_path / "x"), "--max-error", "98dB"])
    assert missed.exit_code == 6
    assert "--max-error 98 dB" in missed.stderr


@pytest.mark.parametrize(
    ("overwrite", "error", "said"),
    [(True, UsageError, r"cameras\.json"), (False, GscliError, r"cameras\.json|exists")],
)
def test_a_report_that_cannot_be_written_is_refused_before_anything_is(
    scene: Path, tmp_path: Path, overwrite: bool, error: type[GscliError], said: str
) -> None:
    """The cameras that it reads are not replaced, nor any file without leave."""
    cameras = tmp_path / "cameras.json"
    cameras.write_text("[]")
    with pytest.raises(error, match=said):
        lod(
            scene,
            tmp_path / "levels",
            cameras=cameras,
            overwrite=overwrite,
            also_written=[str(cameras)],
        )
    (tmp_path / "full.json").write_text("{}")
    with pytest.raises(WriteRefused, match=r"full\.json"):
        lod(scene, tmp_path / "levels", also_written=[str(tmp_path / "full.json")])
    assert cameras.read_text() == "[]"
    assert not (tmp_path / "levels").exists()
