"""Every trainer's checkpoints become the same columns, and nothing else is touched."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from gscli import fields, formats
from gscli.errors import InputError, UsageError
from tests.formats import trainers

torch = pytest.importorskip("torch")


def columns(cloud, names):
    return cloud.columns(names).T


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}], ids=["zip", "legacy"])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_graphdeco_checkpoint_has_the_columns_of_its_ply(tmp_path, degree, options):
    saved = trainers.graphdeco(degree=degree, active=degree)
    cloud = formats.read(trainers.save(tmp_path / "chkpnt30000.pth", saved, **options))
    _, xyz, f_dc, f_rest, scaling, rotation, opacity, *_ = saved[0]
    n = len(xyz)
    # save_ply of the reference code: transpose(1, 2).flatten(start_dim=1)
    rest = (
        trainers.values(f_rest.transpose(1, 2).flatten(start_dim=1).contiguous())
        if degree
        else np.empty((n, 0))
    )
    for names, tensor in (
        (fields.POSITION, trainers.values(xyz)),
        (fields.SH_DC, trainers.values(f_dc).reshape(n, 3)),
        (fields.SCALE, trainers.values(scaling)),
        (fields.ROTATION, trainers.values(rotation)),
        ((fields.OPACITY,), trainers.values(opacity)),
        *([(fields.sh_rest(degree), rest)] if degree else []),
    ):
        assert np.array_equal(columns(cloud, names), tensor)
    assert fields.sh_degree(cloud.fields) == degree
    assert cloud.rows.dtype["x"] == np.float32


def test_harmonics_beyond_the_active_degree_are_left_out_and_that_is_said(tmp_path):
    saved = trainers.graphdeco(degree=3, active=1)
    cloud = formats.read(trainers.save(tmp_path / "c.pth", saved))
    assert fields.sh_degree(cloud.fields) == 1
    first = trainers.values(saved[0][3])[:, :3].transpose(0, 2, 1).reshape(-1, 9)
    assert np.array_equal(columns(cloud, fields.sh_rest(1)), first)
    assert "SH degree 1 of 3" in cloud.header.notes[0]


def test_flat_splats_keep_their_two_scales(tmp_path):
    cloud = formats.read(trainers.save(tmp_path / "c.pth", trainers.graphdeco(scales=2)))
    assert fields.scale_names(cloud.fields) == ("scale_0", "scale_1")


def test_a_mip_splatting_checkpoint_is_told_by_its_options(tmp_path):
    path = trainers.save(tmp_path / "chkpnt30000.pth", trainers.graphdeco())
    assert formats.read(path).header.notes == ()
    (tmp_path / "cfg_args").write_text("Namespace(kernel_size=0.1, sh_degree=3)")
    assert "filter_3D" in formats.read(path).header.notes[0]


@pytest.mark.parametrize(
    ("at", "shape", "name"), [(7, (3,), "language_feature"), (12, (1, 16), "semantic_feature")]
)
def test_features_of_langsplat_and_feature_3dgs_become_columns(tmp_path, at, shape, name):
    (*capture,), iteration = trainers.graphdeco()
    feature = trainers.parameter(trainers.POINTS, *shape)
    saved = (*capture[:at], feature, *capture[at:]), iteration
    cloud = formats.read(trainers.save(tmp_path / "c.pth", saved))
    plain = formats.read(trainers.save(tmp_path / "plain.pth", trainers.graphdeco()))
    names = [f"{name}_{i}" for i in range(shape[-1])]
    assert cloud.fields == (*plain.fields, *names)
    assert np.array_equal(columns(cloud, names), trainers.values(feature).reshape(trainers.POINTS, -1))
    assert np.array_equal(columns(cloud, plain.fields), columns(plain, plain.fields))


def test_a_scaffold_checkpoint_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match="Scaffold-GS"):
        formats.read(trainers.save(tmp_path / "c.pth", trainers.scaffold()))


def test_bounded_scales_of_r2_become_logarithms_and_the_bound_is_kept(tmp_path):
    saved = trainers.r2_capture()
    cloud = formats.read(trainers.save(tmp_path / "chkpnt.pth", (saved, 30_000)))
    raw = trainers.values(saved[1]).astype(np.float64)
    wanted = np.log(1 / (1 + np.exp(-raw)) * (0.5 - 0.0005) + 0.0005)
    assert np.allclose(columns(cloud, fields.SCALE), wanted, atol=1e-6)
    assert cloud.header.comments == ("scale_bound 0.0005 0.5",)
    assert np.array_equal(columns(cloud, ("density",)), trainers.values(saved[3]))
    assert fields.OPACITY not in cloud.fields


def test_unbounded_scales_of_r2_are_logarithms_already(tmp_path):
    saved = trainers.r2_capture(bound=None)
    cloud = formats.read(trainers.save(tmp_path / "chkpnt.pth", (saved, 1)))
    assert np.array_equal(columns(cloud, fields.SCALE), trainers.values(saved[1]))
    assert cloud.header.comments == ()


@pytest.mark.parametrize(
    "container",
    [
        {
            "gs0": trainers.r2_fork_capture(seed=1),
            "gs1": trainers.r2_fork_capture(30, seed=2),
            "iteration": 5,
        },
        {"iteration": 5, "models": [trainers.r2_fork_capture(seed=1), trainers.r2_fork_capture(30, seed=2)]},
    ],
    ids=["gs0 gs1", "models"],
)
def test_one_of_two_models_is_selected_by_name_or_number(tmp_path, container):
    path = trainers.save(tmp_path / "ckpt.pth", container)
    with pytest.raises(InputError, match=r"holds 2 models.*select one as ckpt\.pth::"):
        formats.read(path)
    name = "gs1" if "gs0" in container else "1"
    second = formats.read(f"{path}::{name}")
    assert len(second) == 30
    assert len(formats.read(f"{path}::0")) == trainers.POINTS
    assert np.array_equal(formats.read(f"{path}::1").rows, second.rows)
    capture = trainers.r2_fork_capture(30, seed=2)
    assert np.array_equal(
        columns(second, ("nu", "opacity")), np.hstack([trainers.values(c) for c in capture[4:6]])
    )
    assert "use_student_t True" in second.header.comments
    with pytest.raises(InputError, match="none called 999"):
        formats.read(f"{path}::{'9' * 5000}")
    with pytest.raises(InputError, match="none called gs7"):
        formats.read(f"{path}::gs7")


def test_a_part_of_a_file_with_one_model_is_an_error(tmp_path, scene_file):
    path = trainers.save(tmp_path / "c.pth", trainers.graphdeco())
    with pytest.raises(InputError, match="drop ::gs1"):
        formats.read(f"{path}::gs1")
    with pytest.raises(UsageError, match="so ::gs1 selects nothing"):
        formats.read(f"{scene_file}::gs1")
    with pytest.raises(UsageError, match="so level=2 selects nothing"):
        formats.Source.of(scene_file).at(2).read()


@pytest.mark.parametrize("protocol", range(6))
def test_r2_pickles_of_every_protocol_are_read_whatever_they_are_called(tmp_path, protocol):
    saved = trainers.r2_pickle(nu=np.ones((trainers.POINTS, 1), np.float32), use_student_t=np.True_)
    path = trainers.save_pickle(tmp_path / "point_cloud.ply", saved, protocol)
    if protocol < 2:
        path = path.rename(tmp_path / "point_cloud.pickle")
    cloud = formats.read(path)
    assert cloud.header.format == "pickle"
    assert np.array_equal(columns(cloud, fields.POSITION), saved["xyz"])
    assert np.array_equal(columns(cloud, ("density", "nu")), np.hstack([saved["density"], saved["nu"]]))


@pytest.mark.parametrize("degree", [0, 3])
def test_ranks_of_gsplat_are_one_model(tmp_path, degree):
    parts = [trainers.gsplat(n, degree, seed=n) for n in (10, 20, 30)]
    for rank, part in enumerate(parts):
        trainers.save(tmp_path / f"ckpt_29999_rank{rank}.pt", part)
    trainers.save(tmp_path / "ckpt_6999_rank0.pt", trainers.gsplat(5, degree))
    cloud = formats.read(tmp_path / "ckpt_29999_rank0.pt")
    means = np.concatenate([trainers.values(p["splats"]["means"]) for p in parts])
    assert np.array_equal(columns(cloud, fields.POSITION), means)
    opacities = np.concatenate([trainers.values(p["splats"]["opacities"]) for p in parts])
    assert np.array_equal(cloud.rows["opacity"], opacities)
    assert fields.sh_degree(cloud.fields) == degree
    assert "3 ranks read as one model" in cloud.header.notes[0]
    (tmp_path / "ckpt_29999_rank1.pt").unlink()
    with pytest.raises(InputError, match="rank 1 is missing"):
        formats.read(tmp_path / "ckpt_29999_rank2.pt")


def test_appearance_models_of_gsplat_are_refused_by_name(tmp_path):
    saved = trainers.gsplat()
    splats = saved["splats"]
    splats["features"], splats["colors"] = torch.zeros(len(splats["means"]), 32), splats["means"]
    with pytest.raises(InputError, match="appearance"):
        formats.read(trainers.save(tmp_path / "c.pt", saved))


@pytest.mark.parametrize("old", [False, True], ids=["gauss_params", "old"])
def test_a_splatfacto_checkpoint_is_read_from_its_pipeline(tmp_path, old):
    saved = trainers.nerfstudio(old=old)
    cloud = formats.read(trainers.save(tmp_path / "step-000029999.ckpt", saved))
    key = "_model." if old else "_model.gauss_params."
    assert np.array_equal(
        columns(cloud, fields.SH_DC), trainers.values(saved["pipeline"][f"{key}features_dc"])
    )
    assert fields.sh_degree(cloud.fields) == 3


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod."])
def test_a_model_that_was_wrapped_to_be_trained_is_read_as_without(tmp_path, wrapper):
    def around(state):
        known = ("_model.", "gaussian_model.")
        return {
            re.sub(r"^(\w+\.)", rf"\1{wrapper}", k) if k.startswith(known) else k: state[k] for k in state
        }

    for saved, held in ((trainers.nerfstudio(), "pipeline"), (trainers.lightning(), "state_dict")):
        plain = formats.read(trainers.save(tmp_path / "plain.ckpt", saved))
        saved[held] = around(saved[held])
        assert formats.read(trainers.save(tmp_path / "wrapped.ckpt", saved)) == plain


def test_colour_of_splatfacto_at_degree_0_is_a_sigmoid(tmp_path):
    saved = trainers.nerfstudio(degree=0)
    cloud = formats.read(trainers.save(tmp_path / "c.ckpt", saved))
    raw = trainers.values(saved["pipeline"]["_model.gauss_params.features_dc"])
    rgb = fields.rgb_from_dc(columns(cloud, fields.SH_DC))
    assert np.allclose(rgb, 1 / (1 + np.exp(-raw)), atol=1e-6)


_OF_LIGHTNING = {
    "means": fields.POSITION,
    "shs_dc": fields.SH_DC,
    "opacities": (fields.OPACITY,),
    "scales": fields.SCALE,
    "rotations": fields.ROTATION,
}


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("degree", [0, 3])
def test_a_lightning_checkpoint_is_read_without_the_classes_of_its_trainer(tmp_path, degree, new):
    saved = trainers.lightning(degree=degree, active=degree)
    options = {"_use_new_zipfile_serialization": new}
    path = trainers.save_lightning(tmp_path / "epoch=300-step=30000.ckpt", saved, **options)
    assert not {"internal", "internal.models"} & set(sys.modules)
    cloud = formats.read(path)
    state = {name: trainers.values(tensor) for name, tensor in saved["state_dict"].items()}
    for name, named in _OF_LIGHTNING.items():
        wanted = state[f"gaussian_model.gaussians.{name}"].reshape(trainers.POINTS, -1)
        assert np.array_equal(columns(cloud, named), wanted)
    assert fields.sh_degree(cloud.fields) == degree
    if degree:
        rest = state["gaussian_model.gaussians.shs_rest"].transpose(0, 2, 1).reshape(trainers.POINTS, -1)
        assert np.array_equal(columns(cloud, fields.sh_rest(degree)), rest)
    assert cloud.header.notes == ()
    assert not {"internal", "internal.models"} & set(sys.modules)


def test_an_older_lightning_checkpoint_has_the_same_columns(tmp_path):
    new = formats.read(trainers.save_lightning(tmp_path / "new.ckpt"))
    old = formats.read(trainers.save_lightning(tmp_path / "old.ckpt", trainers.lightning(old=True)))
    assert old.fields == new.fields
    assert np.array_equal(old.rows, new.rows)


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_the_active_degree_of_a_lightning_checkpoint_counts(tmp_path, old):
    saved = trainers.lightning(active=1, old=old)
    cloud = formats.read(trainers.save_lightning(tmp_path / "c.ckpt", saved))
    assert fields.sh_degree(cloud.fields) == 1
    assert "SH degree 1 of 3" in cloud.header.notes[0]


def test_flat_splats_features_and_filters_of_lightning_become_columns(tmp_path):
    saved = trainers.lightning(scales=2)
    more = {
        "appearance_features": torch.rand(trainers.POINTS, 4),
        "filter_3d": torch.rand(trainers.POINTS, 1),
    }
    for name, tensor in more.items():
        saved["state_dict"][f"gaussian_model.gaussians.{name}"] = tensor
    cloud = formats.read(trainers.save_lightning(tmp_path / "c.ckpt", saved))
    assert fields.scale_names(cloud.fields) == ("scale_0", "scale_1")
    names = [f"appearance_features_{i}" for i in range(4)]
    assert np.array_equal(columns(cloud, names), more["appearance_features"].numpy())
    assert np.array_equal(columns(cloud, ["filter_3D"]), more["filter_3d"].numpy())
    assert "network" in cloud.header.notes[0]


def test_frozen_gaussians_of_lightning_follow_the_others(tmp_path):
    saved, frozen = trainers.lightning(), trainers.lightning(7, seed=5)
    for name, tensor in frozen["state_dict"].items():
        if "gaussians." in name:
            saved["state_dict"][name.replace("gaussian_model.gaussians.", "frozen_gaussians.")] = tensor
    cloud = formats.read(trainers.save_lightning(tmp_path / "c.ckpt", saved))
    wanted = [trainers.values(s["state_dict"]["gaussian_model.gaussians.means"]) for s in (saved, frozen)]
    assert np.array_equal(columns(cloud, fields.POSITION), np.concatenate(wanted))
    assert "the last 7 are its frozen Gaussians" in cloud.header.notes[0]


def test_ranks_of_lightning_are_one_model(tmp_path):
    for rank, n in enumerate((10, 20)):
        path = tmp_path / f"epoch=300-step=30000-rank={rank}.ckpt"
        trainers.save_lightning(path, trainers.lightning(n, seed=rank))
    cloud = formats.read(tmp_path / "epoch=300-step=30000-rank=1.ckpt")
    assert len(cloud) == 30
    assert "2 ranks read as one model" in cloud.header.notes[0]
    (tmp_path / "epoch=300-step=30000-rank=0.ckpt").unlink()
    with pytest.raises(InputError, match="rank 0 is missing"):
        formats.read(path)


def test_opacity_by_direction_is_refused_by_name(tmp_path):
    saved = trainers.lightning()
    saved["state_dict"]["gaussian_model.gaussians.opacity_rest"] = torch.zeros(trainers.POINTS, 15, 1)
    with pytest.raises(InputError, match="opacity depends on the direction"):
        formats.read(trainers.save_lightning(tmp_path / "c.ckpt", saved))


@pytest.mark.parametrize(
    "lacking", ["pytorch-lightning_version", "state_dict", "global_step", "gaussian_model.gaussians.means"]
)
def test_unknown_classes_are_let_pass_in_lightning_checkpoints_of_gaussians_alone(tmp_path, lacking):
    saved = trainers.lightning()
    (saved["state_dict"] if lacking in saved["state_dict"] else saved).pop(lacking)
    with pytest.raises(InputError, match=r"names internal\.models\.vanilla_gaussian\.VanillaGaussian"):
        formats.read(trainers.save_lightning(tmp_path / "c.ckpt", saved))


def test_unknown_classes_are_no_part_of_what_is_read(tmp_path):
    with trainers.their_classes("internal.models.Lazy") as (lazy,):
        saved = trainers.lightning()
        saved["state_dict"]["gaussian_model.gaussians.scales"] = lazy()
        path = trainers.save(tmp_path / "c.ckpt", saved)
    with pytest.raises(InputError, match=r"names internal\.models\.Lazy"):
        formats.read(path)


@pytest.mark.parametrize(
    ("saved", "found"),
    [
        ((1, 2, 3), "a tuple of 3"),
        ({"model": 1, "epoch": 2}, "a dict with the keys model, epoch"),
        (torch.zeros(3, 4), r"an array of shape \[3, 4\]"),
        ({"step": 1, "pipeline": {"_model.field.weight": torch.zeros(3)}}, "without Gaussians"),
        (([torch.zeros(1)] * 11, 7), "a list of 11"),
        ({"gs0": (1, 2), "gs1": (1, 2)}, "holds, as gs0, a tuple of 2"),
    ],
)
def test_what_no_trainer_writes_is_refused_with_what_was_found(tmp_path, saved, found):
    with pytest.raises(InputError, match=found):
        formats.read(trainers.save(tmp_path / "c.pth", saved))


def test_tensors_of_different_lengths_are_refused_with_both(tmp_path):
    saved, iteration = trainers.graphdeco()
    saved = (*saved[:6], torch.zeros(39, 1), *saved[7:])
    with pytest.raises(InputError, match="opacity has 39 rows where its positions have 40"):
        formats.read(trainers.save(tmp_path / "c.pth", (saved, iteration)))


def test_a_model_without_points_is_an_error_of_its_own(tmp_path):
    saved = trainers.gsplat(0)
    with pytest.raises(InputError, match="without points"):
        formats.read(trainers.save(tmp_path / "c.pt", saved))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_keep_their_values(tmp_path, kind):
    saved = trainers.gsplat(degree=1)
    saved["splats"] = {name: tensor.to(kind) for name, tensor in saved["splats"].items()}
    cloud = formats.read(trainers.save(tmp_path / "c.pt", saved))
    wanted = saved["splats"]["means"].to(torch.float64).numpy()
    assert np.array_equal(columns(cloud, fields.POSITION).astype(np.float64), wanted)


@pytest.mark.parametrize("saved", [trainers.graphdeco(), trainers.gsplat(), (trainers.r2_capture(), 1)])
def test_a_trusted_checkpoint_gives_the_same_cloud(tmp_path, saved):
    path = trainers.save(tmp_path / "c.pth", saved)
    assert np.array_equal(formats.read(path, trust_pickle=True).rows, formats.read(path).rows)


def test_splats_of_gsplat_are_also_read_alone(tmp_path):
    saved = trainers.gsplat()
    whole = formats.read(trainers.save(tmp_path / "a.pt", saved))
    alone = formats.read(trainers.save(tmp_path / "b.pt", {"step": 3, **saved["splats"]}))
    assert np.array_equal(alone.rows, whole.rows)
    some = {name: saved["splats"][name] for name in ("means", "scales", "quats")}
    with pytest.raises(InputError, match="a dict with the keys means, scales, quats, which no known trainer"):
        formats.read(trainers.save(tmp_path / "c.pt", some))


@pytest.mark.parametrize("around", [lambda splats: splats, lambda splats: {"step": 1, "splats": splats}])
def test_what_a_message_says_to_trust_is_read_then(tmp_path, around):
    saved = trainers.gsplat()
    whole = formats.read(trainers.save(tmp_path / "a.pt", saved))
    splats = torch.nn.ParameterDict({k: torch.nn.Parameter(v) for k, v in saved["splats"].items()})
    path = trainers.save(tmp_path / "b.pt", around(splats))
    with pytest.raises(InputError, match="ParameterDict, which no scene needs"):
        formats.read(path)
    assert np.array_equal(formats.read(path, trust_pickle=True).rows, whole.rows)


def test_views_and_shared_storages_are_followed(tmp_path):
    whole = torch.arange(40 * 8, dtype=torch.float32).reshape(40, 8)
    saved = trainers.gsplat()
    saved["splats"]["means"], saved["splats"]["quats"] = whole[:, 1:4], whole.T[4:8].T
    cloud = formats.read(trainers.save(tmp_path / "c.pt", saved))
    assert np.array_equal(columns(cloud, fields.POSITION), whole[:, 1:4].numpy())
    assert np.array_equal(columns(cloud, fields.ROTATION), whole[:, 4:8].numpy())


def test_only_positions_reads_only_positions(tmp_path):
    saved = trainers.graphdeco()
    cloud = formats.read(trainers.save(tmp_path / "c.pth", saved), only=fields.POSITION)
    assert cloud.fields == fields.POSITION
    assert np.array_equal(columns(cloud, fields.POSITION), trainers.values(saved[0][1]))


def test_a_checkpoint_saved_on_a_gpu_is_read_without_one(tmp_path):
    path = trainers.save(tmp_path / "c.pt", trainers.gsplat())
    data = path.read_bytes()
    # The device is a string in the pickle; a longer one needs no other bytes in protocol 2's BINUNICODE.
    from zipfile import ZipFile

    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    changed = {
        name: body.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
        for name, body in members.items()
    }
    assert changed != members
    with ZipFile(path, "w") as archive:
        for name, body in changed.items():
            archive.writestr(name, body)
    assert path.read_bytes() != data
    assert len(formats.read(path)) == trainers.POINTS


def test_reading_a_checkpoint_imports_no_torch(tmp_path):
    import subprocess

    path = trainers.save(tmp_path / "c.pth", trainers.graphdeco())
    code = f"import sys; from gscli import formats; formats.read({str(path)!r}); "
    code += "assert 'torch' not in sys.modules"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_optimiser_state_may_be_missing_from_the_file_for_all_that_is_read_of_it(tmp_path):
    from zipfile import ZipFile

    saved = trainers.graphdeco()
    path = trainers.save(tmp_path / "c.pth", saved)
    wanted = formats.read(path)
    sizes = {40 * 3 * 4, 40 * 45 * 4, 40 * 4 * 4, 40 * 4}
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    storages = sorted((n for n in members if "/data/" in n), key=lambda n: int(n.rpartition("/")[2]))
    state = [name for name in storages[6:] if len(members[name]) in sizes]
    assert state
    with ZipFile(path, "w") as archive:
        for name, body in members.items():
            if name not in state:
                archive.writestr(name, body)
    assert np.array_equal(formats.read(path).rows, wanted.rows)
