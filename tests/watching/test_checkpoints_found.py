"""Which files of a run's folder are checkpoints, and of which step."""

import errno
import os

import pytest

import gscli
from gscli.errors import InputError
from gscli.watching.checkpoints import checkpoints, require_listed


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def test_a_folder_that_cannot_be_read_is_not_told_as_one_without_checkpoints(tmp_path, monkeypatch):
    require_listed(tmp_path)
    require_listed(tmp_path / "not yet")

    def refused(*arguments):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", refused)  # which root never sees
    monkeypatch.setattr(os, "listdir", refused)
    with pytest.raises(InputError, match="cannot be read; check its permissions"):
        next(gscli.watch(tmp_path, every=0.01))


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("point_cloud/iteration_30000/point_cloud.ply", 30000),
        ("point_cloud_gs2/iteration_500/point_cloud.pickle", 500),
        ("iteration_7/point_cloud.ply", 7),
        ("chkpnt30000.pth", 30000),
        ("ckpt/chkpnt_2000.pth", 2000),
        ("ckpts/ckpt_29999_rank0.pt", 29999),
        ("ckpts/ckpt_6999.pt", 6999),
        ("ply/point_cloud_29999.ply", 29999),
        ("nerfstudio_models/step-000029999.ckpt", 29999),
        ("checkpoints/epoch=300-step=30000.ckpt", 30000),
        ("checkpoints/epoch=300-step=30000-rank=0.ckpt", 30000),
        ("outputs/scene/nerfstudio_models/step-000000100.ckpt", 100),
    ],
)
def test_each_trainers_name_gives_its_step(tmp_path, name, step):
    found = checkpoints(touch(tmp_path, name))
    assert {s: c.path for s, c in found.items()} == {step: str(tmp_path / name)}


@pytest.mark.parametrize(
    "name",
    ["input.ply", "cfg.json", "train/ours_30000/renders/00000.png", "a/b/c/d/chkpnt1.pth", "chkpnt.pth"],
)
def test_other_files_are_none(tmp_path, name):
    assert checkpoints(touch(tmp_path, name)) == {}


def test_the_smallest_kind_is_taken_where_a_step_has_several(tmp_path):
    touch(tmp_path, "chkpnt100.pth", "point_cloud/iteration_100/point_cloud.ply")
    assert checkpoints(tmp_path)[100].path.endswith("point_cloud.ply")


def test_ranks_of_one_model_belong_together(tmp_path):
    touch(tmp_path, *(f"ckpts/ckpt_99_rank{rank}.pt" for rank in (0, 1, 10, 2)))
    (found,) = checkpoints(tmp_path).values()
    assert [file.name for file in found.files] == [f"ckpt_99_rank{rank}.pt" for rank in (0, 1, 2, 10)]


def test_a_part_of_each_file_can_be_named(tmp_path):
    touch(tmp_path, "chkpnt5.pth")
    assert checkpoints(f"{tmp_path}::gs1")[5].path == f"{tmp_path}/chkpnt5.pth::gs1"


def test_a_folder_that_is_not_there_yet_has_none(tmp_path):
    assert checkpoints(tmp_path / "later") == {}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("point_cloud_gs1/iteration_5/point_cloud.ply", "point_cloud_gs2/iteration_5/point_cloud.ply"),
        ("garden/chkpnt5.pth", "stump/chkpnt7.pth"),
        ("garden/point_cloud/iteration_5/point_cloud.ply", "stump/point_cloud/iteration_7/point_cloud.ply"),
        ("a/ckpt_5_rank0.pt", "b/ckpt_5_rank1.pt"),
    ],
)
def test_a_folder_of_several_models_is_refused_with_a_file_of_each(tmp_path, first, second):
    touch(tmp_path, first, second)
    with pytest.raises(InputError, match=f"{first} and .*{second}; name the folder"):
        checkpoints(tmp_path)


def test_links_to_a_folder_of_the_run_make_no_second_model(tmp_path):
    touch(tmp_path, "2024-05-01/point_cloud/iteration_5/point_cloud.ply", "2024-05-01/ckpt_5_rank0.pt")
    touch(tmp_path, "2024-05-01/ckpt_5_rank1.pt")
    (tmp_path / "latest").symlink_to("2024-05-01")
    (tmp_path / "2024-05-01/self").symlink_to(".")
    (found,) = checkpoints(tmp_path).values()
    assert found.path == str(tmp_path / "2024-05-01/point_cloud/iteration_5/point_cloud.ply")


def test_folders_of_single_steps_may_be_links(tmp_path):
    touch(tmp_path / "store", "x/point_cloud.ply", "y/point_cloud.ply")
    (tmp_path / "run").mkdir()
    for step, name in ((5, "x"), (7, "y"), (9, "y")):
        (tmp_path / f"run/iteration_{step}").symlink_to(tmp_path / "store" / name)
    assert sorted(checkpoints(tmp_path / "run")) == [5, 7, 9]


def test_the_model_beside_other_files_of_its_step_is_taken(tmp_path):
    touch(tmp_path, "iteration_5/anchors.ply", "iteration_5/point_cloud.ply")
    assert checkpoints(tmp_path)[5].path.endswith("point_cloud.ply")


def test_ranks_that_other_steps_have_are_counted_as_missing(tmp_path):
    touch(
        tmp_path, *(f"ckpt_{step}_rank{rank}.pt" for step in (9, 19) for rank in range(4 if step < 10 else 1))
    )
    assert {step: found.missing for step, found in checkpoints(tmp_path).items()} == {9: 0, 19: 3}


def test_a_file_is_no_run(tmp_path):
    touch(tmp_path, "point_cloud.ply")
    with pytest.raises(InputError, match="is a file"):
        checkpoints(tmp_path / "point_cloud.ply")
