"""``gscli verify`` passes folders that lod made and fails every other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from gscli import formats, lod, scene
from gscli.cli import main
from gscli.cloud import GaussianCloud
from gscli.errors import GateMissed, InputError, UsageError
from gscli.verify import Verified, verify


@pytest.fixture
def source(tmp_path: Path) -> Path:
    given = scene.make(600, sh_degree=1).with_columns(label=np.arange(600, dtype="u2"))
    formats.write(tmp_path / "scene.ply", given)
    return tmp_path / "scene.ply"


def made(source: Path, **settings: Any) -> Path:
    lod(source, source.parent / "levels", **{"levels": 3, "views": 0, **settings})
    return source.parent / "levels"


def missed(result: Verified) -> dict[str, tuple[str, ...]]:
    """What is wrong: the examples of each check that did not pass, by the number of the draw and its name."""
    return {
        f"{number} {check.name}": check.examples
        for number, (_, _, checks) in enumerate(result.draws)
        for check in checks
        if not check.passed
    }


def rewritten(path: Path, change: Any) -> None:
    given = formats.read(path)
    formats.write(path, GaussianCloud(change(np.array(given.rows)), given.header), overwrite=True)


def told(folder: Path, change: Any) -> None:
    index = json.loads((folder / "lod.json").read_text())
    change(index)
    (folder / "lod.json").write_text(json.dumps(index))


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"views": None}, marks=pytest.mark.compiled),
        {},
        {"levels": 32, "ratio": 0.3},
        {"to": "npz"},
        {"to": "spz", "allow_lossy": True},
    ],
)
def test_what_lod_wrote_passes(source: Path, settings: dict[str, Any]) -> None:
    folder = made(source, **settings)
    result = verify(source, folder)
    result.require()
    first, *others = result.draws
    assert [check.name for check in first[2]] == ["files", "counts", "scene"]
    assert [path for path, _, _ in others] == [str(path) for path in sorted(folder.glob("[1-9]*"))]
    for _, _, checks in others:
        assert [check.name for check in checks][:4] == ["count", "columns", "untouched", "merged"]
        assert (checks[-1].name == "comment") == (settings.get("to") != "spz")
    assert result.to_dict()["draws"][0]["method"] == "lod"


@pytest.mark.compiled
def test_a_list_that_names_no_rasterizer_is_of_the_cpu(source: Path) -> None:
    folder = made(source, views=4)
    told(folder, lambda index: index["look"].pop("rasterizer"))
    verify(source, folder).require()


@pytest.mark.usefixtures("kernels")
def test_streamed_levels_are_counted(source: Path) -> None:
    pytest.importorskip("PIL")
    folder = made(source, to="sog", allow_lossy=True)
    result = verify(source, folder)
    result.require()
    assert [check.name for check in result.draws[0][2]] == ["files", "counts"]
    assert any("its rows are not compared" in note for note in result.notes)
    told(folder, lambda index: index["levels"][1].update(points=299))
    assert missed(verify(source, folder)) == {"0 counts": ("level 1 has 300 rows, not 299",)}
    shutil.rmtree(folder / "1_0")
    assert missed(verify(source, folder)) == {"0 files": ("lacks 1_0/meta.json",)}


def test_files_that_are_not_those_of_the_folder(source: Path) -> None:
    folder = made(source)
    shutil.copy(folder / "2.ply", folder / "3.ply")
    (folder / "notes.txt").write_text("mine")  # is no level
    assert missed(verify(source, folder)) == {"0 files": ("holds 3.ply, which lod.json does not name",)}
    (folder / "3.ply").rename(folder / "1.ply")
    found = missed(verify(source, folder))
    assert found == {"0 counts": ("level 1 has 150 rows, not 300",)}
    (folder / "1.ply").unlink()
    result = verify(source, folder)
    assert missed(result) == {"0 files": ("lacks 1.ply",)}
    with pytest.raises(GateMissed, match=r"lacks 1\.ply"):
        result.require()


def test_a_level_that_is_off_by_a_bit_is_caught(source: Path) -> None:
    folder = made(source)

    def nudged(rows: Any) -> Any:
        rows["f_dc_1"][7] = np.nextafter(rows["f_dc_1"][7], np.float32(9))
        return rows

    rewritten(folder / "2.ply", nudged)
    found = missed(verify(source, folder))
    assert list(found) in (["2 untouched"], ["2 merged"])
    assert "row 7 is not" in next(iter(found.values()))[0]
    rewritten(folder / "0.ply", nudged)
    assert missed(verify(source, folder))["0 scene"] == ("row 7 of level 0 is not that of the scene",)


def test_levels_of_another_sequence_of_merges_are_caught(source: Path, tmp_path: Path) -> None:
    """Each has as many rows as it is to have, but is none of that which the others are of."""
    folder = made(source)
    other = tmp_path / "other.ply"
    rewritten_scene = formats.read(source)
    rows = np.array(rewritten_scene.rows)
    rows["opacity"] = rows["opacity"][::-1]
    formats.write(other, GaussianCloud(rows, rewritten_scene.header))
    shutil.rmtree(tmp_path / "x", ignore_errors=True)
    lod(other, tmp_path / "x", levels=3, views=0)
    shutil.copy(tmp_path / "x/2.ply", folder / "2.ply")
    found = missed(verify(source, folder))
    assert all(name.startswith("2 ") for name in found)
    assert "2 merged" in found
    assert missed(verify(other, tmp_path / "x")) == {}
    assert "0 scene" in missed(verify(source, tmp_path / "x"))


def test_a_comment_that_says_something_else_is_caught(source: Path) -> None:
    folder = made(source)
    path = folder / "1.ply"
    path.write_bytes(path.read_bytes().replace(b"target=300 ", b"target=50% "))
    assert list(missed(verify(source, folder))) == ["1 comment"]


def test_counts_that_are_not_those_of_the_scene(source: Path, tmp_path: Path) -> None:
    folder = made(source)
    formats.write(tmp_path / "fewer.ply", formats.read(source)[:500])
    found = missed(verify(tmp_path / "fewer.ply", folder))["0 counts"]
    assert found[0] == "is of 600 points by lod.json, and the scene has 500"
    told(
        folder,
        lambda index: index["levels"].insert(2, {**index["levels"][1], "level": 2, "files": ["9.ply"]}),
    )
    told(folder, lambda index: index["levels"][3].update(level=3))
    shutil.copy(folder / "1.ply", folder / "9.ply")
    found = missed(verify(source, folder))["0 counts"]
    assert found == ("level 2 has 300 rows, and the one before 300",)


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index.pop("levels"),
        lambda index: index.update(schema="gscli/lod/2"),
        lambda index: index.update(levels=[]),
        lambda index: index.update(levels={"a": 1}),
        lambda index: index.update(format="nothing"),
        lambda index: index.update(format="ksplat"),
        lambda index: index.update(look={"views": 10**9}),
        lambda index: index.update(look={"views": "ten"}),
        lambda index: index["options"].update(cameras=7),
        lambda index: index["levels"][1].update(level=2),
        lambda index: index["levels"][1].update(points=-1),
        lambda index: index["levels"][1].update(points=True),
        lambda index: index["levels"][1].update(growth=7.0),
        lambda index: index["levels"][1].update(growth=[]),
        lambda index: index["levels"][1].update(files=[]),
        lambda index: index["levels"][1].update(files=["0.ply"]),
        lambda index: index["levels"][1].update(files=["../1.ply"]),
        lambda index: index["levels"][1].update(files=["/etc/passwd"]),
        lambda index: index["levels"][1].update(files=[1]),
        lambda index: index["levels"][1].update(files=[["1.ply"]]),
    ],
)
def test_a_list_that_no_run_writes_is_refused(source: Path, change: Any) -> None:
    folder = made(source)
    told(folder, change)
    with pytest.raises(InputError, match=r"lod\.json: cannot be understood"):
        verify(source, folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 10**5])
def test_a_list_that_is_none_is_refused(source: Path, text: str) -> None:
    folder = made(source)
    (folder / "lod.json").write_text(text)
    with pytest.raises(InputError, match=r"lod\.json: cannot be understood"):
        verify(source, folder)


@pytest.mark.parametrize("option", ["expect", "grid_file", "rows"])
def test_options_of_other_draws_are_refused(source: Path, tmp_path: Path, option: str) -> None:
    folder = made(source)
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"schema": "gscli/resample/1", "outputs": []}))
    with pytest.raises((UsageError, InputError), match=f"{option} has no effect|report"):
        verify(source, folder, **{option: report if option == "expect" else "file"})


@pytest.mark.compiled
def test_cameras_of_a_file_are_asked_for(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "cameras.json"
    pose = {"position": [0, 0, 6], "rotation": [[1, 0, 0], [0, -1, 0], [0, 0, -1]]}
    lens = {"fx": 800, "fy": 800, "width": 640, "height": 480}
    path.write_text(json.dumps([{"img_name": "0", **pose, **lens}]))
    folder = made(source, views=None, cameras=path)
    with pytest.raises(InputError, match=r"looked at from cameras of cameras\.json; give that file"):
        verify(source, folder)
    verify(source, folder, cameras=path).require()


def test_the_command_names_what_is_wrong(source: Path) -> None:
    folder = made(source)
    good = CliRunner().invoke(main, ["verify", str(source), str(folder)])
    assert good.exit_code == 0, good.output
    assert "lod, 3 levels by its lod.json; passed files, counts, scene" in good.output
    (folder / "2.ply").unlink()
    bad = CliRunner().invoke(main, ["verify", str(source), str(folder)])
    assert bad.exit_code == 6
    assert "WRONG    files: lacks 2.ply" in bad.output
