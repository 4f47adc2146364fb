"""``--compensate opacity``: what stays is as opaque as what it stands for, and all else stays as it was."""

from __future__ import annotations

import numpy as np
import pytest

import gscli
from gscli import fields
from gscli.cloud import GaussianCloud, Header
from gscli.compare import compare
from gscli.errors import InputError, UsageError
from gscli.formats import FORMATS
from gscli.grids import budget
from gscli.grids.voxel_grid import VoxelGrid
from gscli.report import resample as report
from gscli.resample import resample
from gscli.scene import make

SIZE = 0.5


@pytest.fixture
def scene(make_scene, tmp_path):
    cloud = make_scene(4000).with_columns(label=np.arange(4000, dtype="u2"))
    gscli.write(tmp_path / "scene.ply", cloud)
    return tmp_path / "scene.ply"


def both(scene, **settings):
    """The rows of a plain draw and of a compensated one, and the numbers of both."""
    place = scene.parent
    resample(scene, place / "plain.ply", index=place / "rows.npy", voxel_size=SIZE, **settings)
    resample(scene, place / "made_up.ply", voxel_size=SIZE, compensate="opacity", **settings)
    plain, made_up = gscli.read(place / "plain.ply"), gscli.read(place / "made_up.ply")
    return plain, made_up, np.load(place / "rows.npy")


SETTINGS = [
    {},
    {"target": "12%"},
    {"ratio": (0.2, 0.2), "min_per_cell": 0},
    {"method": "one-per-grid", "seed": 3},
    {"method": "k-per-grid", "k": 4, "pick": "opacity"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_opacity_alone_is_raised_and_only_where_something_was_dropped(scene, settings):
    plain, made_up, rows = both(scene, **settings)
    whole = gscli.read(scene)
    cells = np.unique(np.floor(whole.xyz.astype(np.float64) / SIZE), axis=0, return_inverse=True)[1].ravel()
    there, kept = np.bincount(cells), np.bincount(cells[rows], minlength=cells.max() + 1)
    weights = (there / np.maximum(kept, 1))[cells[rows]]
    assert (weights == 1).any()
    assert (weights > 1).any()
    full = weights == 1
    assert made_up.rows[full].tobytes() == plain.rows[full].tobytes()
    others = [name for name in plain.fields if name != "opacity"]
    assert made_up.rows[others].tolist() == plain.rows[others].tolist()
    through = fields.sigmoid(-plain["opacity"]) ** weights
    np.testing.assert_allclose(fields.sigmoid(-made_up["opacity"]), through, rtol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_it_tells_how_many_stand_for_others_and_for_how_many_none_does(scene, tmp_path, settings):
    done = resample(scene, tmp_path / "out.ply", voxel_size=SIZE, compensate="opacity", **settings)
    plain, made_up, rows = both(scene, **settings)
    (output,) = done.to_dict()["outputs"]
    assert output["compensate"] == "opacity"
    assert output["compensated"]["raised"] == int((plain["opacity"] != made_up["opacity"]).sum())
    cells = np.unique(np.floor(gscli.read(scene).xyz.astype(np.float64) / SIZE), axis=0, return_inverse=True)
    lost = np.isin(cells[1].ravel(), cells[1].ravel()[rows], invert=True).sum()
    assert output["compensated"]["unrepresented"] == lost
    told = "\n".join(report.summary(done))
    assert f"raised of {output['compensated']['raised']:,} points" in told
    assert ("nothing makes up for" in told) == (lost > 0)
    assert "compensate=opacity" in gscli.read(tmp_path / "out.ply").header.comments[-1]
    assert "compensate" not in resample(scene, tmp_path / "no.ply", voxel_size=SIZE).to_dict()["outputs"][0]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_tiles_and_threads_change_nothing(scene, tmp_path, settings, monkeypatch):
    settings = {**settings, "voxel_size": SIZE, "compensate": "opacity", "overwrite": True}
    out = tmp_path / "out.ply"
    resample(scene, out, **settings)
    wanted = out.read_bytes()
    monkeypatch.setenv("GSCLI_THREADS", "1")
    resample(scene, out, **settings)
    assert out.read_bytes() == wanted
    monkeypatch.setattr(budget, "budget", lambda *_, **__: budget.Budget(10**6, 4 * 10**5))
    assert (resample(scene, out, memory_limit="1GB", **settings).grid.tiles or 0) > 2
    assert out.read_bytes() == wanted


def test_a_gpu_s_cells_weigh_the_same(scene, tmp_path):
    pytest.importorskip("torch")
    for device in ("cpu", "torch-cpu"):
        resample(scene, tmp_path / f"{device}.ply", device=device, compensate="opacity")
    assert (tmp_path / "cpu.ply").read_bytes() == (tmp_path / "torch-cpu.ply").read_bytes()


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".spz", ".npy"])
def test_every_format_holds_what_ply_does(make_scene, tmp_path, suffix):
    gscli.write(tmp_path / "scene.ply", make_scene(900))
    FORMATS.get(suffix[1:]).require(suffix)
    settings = {"target": "20%", "compensate": "opacity"}
    resample(tmp_path / "scene.ply", tmp_path / "out.ply", **settings)
    resample(tmp_path / "scene.ply", tmp_path / f"out{suffix}", allow_lossy=True, **settings)
    gscli.write(tmp_path / f"again{suffix}", gscli.read(tmp_path / "out.ply"), allow_lossy=True)
    found, wanted = (gscli.read(tmp_path / f"{name}{suffix}") for name in ("out", "again"))
    assert found.rows.tolist() == wanted.rows.tolist()


@pytest.mark.parametrize("kind", [">f4", "<f8", "<f2"])
def test_opacities_of_any_float_type_are_raised_as_they_are_stored(tmp_path, kind):
    rng = np.random.default_rng(0)
    rows = np.zeros(600, [(name, "<f4") for name in "xyz"] + [("opacity", kind)])
    for name in rows.dtype.names:
        rows[name] = rng.normal(size=600)
    rows["opacity"][:4] = np.nan, np.inf, -np.inf, -30
    gscli.write(tmp_path / "scene.npy", GaussianCloud(rows))
    settings = {"method": "one-per-grid", "voxel_size": 1.0}
    resample(tmp_path / "scene.npy", tmp_path / "plain.npy", **settings)
    resample(tmp_path / "scene.npy", tmp_path / "out.npy", compensate="opacity", **settings)
    plain, found = gscli.read(tmp_path / "plain.npy"), gscli.read(tmp_path / "out.npy")
    assert found.rows.dtype == plain.rows.dtype
    assert (found["opacity"] >= plain["opacity"])[np.isfinite(plain["opacity"])].all()
    assert (found["opacity"] > plain["opacity"]).any()


def test_a_grid_file_s_cells_are_compensated_for(scene, tmp_path):
    np.save(tmp_path / "ids.npy", np.arange(4000) // 8)
    done = resample(
        scene,
        tmp_path / "out.ply",
        method="k-per-grid",
        k=2,
        grid_file=str(tmp_path / "ids.npy"),
        compensate="opacity",
        index=tmp_path / "rows.npy",
    )
    assert done.outputs[0].compensated is not None
    assert done.outputs[0].compensated.raised == 1000
    old = gscli.read(scene)["opacity"][np.load(tmp_path / "rows.npy")]
    found = gscli.read(tmp_path / "out.ply")["opacity"]
    np.testing.assert_allclose(fields.sigmoid(-found), fields.sigmoid(-old) ** 4, rtol=1e-4)


@pytest.mark.compiled
def test_it_looks_more_like_the_scene(tmp_path):
    """In a scene whose Gaussians overlap and let light through."""
    gscli.write(tmp_path / "scene.ply", make(6000))
    looks = []
    for name, settings in (("plain", {}), ("made_up", {"compensate": "opacity"})):
        done = resample(
            tmp_path / "scene.ply", tmp_path / f"{name}.ply", target="25%", render=True, **settings
        )
        assert done.outputs[0].render is not None
        found = compare(tmp_path / f"{name}.ply", tmp_path / "scene.ply", render=True).render
        assert found is not None
        assert found.psnr.mean == done.outputs[0].render.psnr.mean  # what is drawn is what is written
        looks.append(found.psnr.mean)
    assert looks[1] > looks[0] + 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ("x", "y", "z")}, "has no column opacity"),
        ({"names": ("x", "y", "z", "density")}, "densities seen by X-rays"),
        ({"kind": "u1"}, "opacities of type uint8"),
        ({"comments": ("use_student_t True",)}, "Student's t"),
    ],
    ids=str,
)
def test_scenes_without_opacities_of_gaussians_are_refused_by_name(tmp_path, change, words):
    names = change.get("names", ("x", "y", "z", "opacity"))
    rows = np.zeros(50, [(name, "<f4" if name != "opacity" else change.get("kind", "<f4")) for name in names])
    header = Header(comments=change.get("comments", ()))
    gscli.write(tmp_path / "scene.ply", GaussianCloud(rows, header))
    with pytest.raises(InputError, match=words) as refused:
        resample(tmp_path / "scene.ply", tmp_path / "out.ply", voxel_size=1.0, compensate="opacity")
    assert "scene.ply" in str(refused.value)
    assert not (tmp_path / "out.ply").exists()


def test_what_keeps_everything_has_nothing_to_compensate_for(scene, tmp_path):
    with pytest.raises(UsageError, match="has no effect"):
        resample(scene, tmp_path / "out.ply", method="dense", compensate="opacity")
    with pytest.raises(UsageError, match="must be 'opacity'"):
        resample(scene, tmp_path / "out.ply", compensate="scales")


def test_weights_add_up_to_the_rows(scene):
    grid = VoxelGrid.from_points(gscli.read(scene).xyz, voxel_size=SIZE)
    weights, alone = grid.weights(grid.draw("half-density"))
    assert alone == 0
    assert abs(weights.sum(dtype=np.float64) - 4000) < 1e-3
