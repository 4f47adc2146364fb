"""Arguments of the library: one thing where several may be given, and what is of another type."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import gscli
from gscli import training
from gscli.errors import UsageError
from gscli.scene import make

LIMIT = "source_to_target.mean <= 0.5"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """A scene and a draw of it."""
    folder = tmp_path_factory.mktemp("scenes")
    gscli.write(folder / "a.ply", make(500, sh_degree=0))
    gscli.resample(folder / "a.ply", folder / "half.ply")
    return folder / "a.ply", folder / "half.ply"


@pytest.mark.parametrize("kind", [str, lambda path: path, lambda path: [path]])
def test_one_draw_is_verified_like_a_list_of_one(scenes, kind):
    source, draw = scenes
    assert [path for path, _, _ in gscli.verify(source, kind(draw)).draws] == [str(draw)]


def test_one_run_is_watched_like_a_list_of_one(scenes, tmp_path):
    folder = tmp_path / "point_cloud" / "iteration_7"
    folder.mkdir(parents=True)
    (folder / "point_cloud.ply").write_bytes(scenes[0].read_bytes())
    (measured,) = gscli.watch(str(tmp_path), reference=scenes[0], once=True, every=0.01)
    assert measured.step == 7


def test_one_limit_is_asked_for_like_a_list_of_one(scenes):
    one, listed = (gscli.compare(*scenes, require=limit) for limit in (LIMIT, [LIMIT]))
    assert one.gates == listed.gates
    assert len(one.gates) == 1


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda a, b: gscli.verify(a, 3), r"draws must be a path, a cloud or \(N, 3\) numbers, not 3"),
        (
            lambda a, b: gscli.verify(a, [b, None]),
            r"draws must be a path, a cloud or \(N, 3\) numbers, not None",
        ),
        (lambda a, b: list(gscli.watch(3)), "runs must be one folder or two, not 3"),
        (lambda a, b: gscli.compare(a, b, require=3), "require must be a limit, or several, not 3"),
        (
            lambda a, b: gscli.compare(a, b, threshold=True),
            "threshold must be a distance, or several, not True",
        ),
        (
            lambda a, b: gscli.compare(a, b, threshold=[np.zeros(2)]),
            r"threshold .* not float64 of shape \(2,\)",
        ),
        (lambda a, b: gscli.compare(a, b, threshold=[]), "threshold names no distance"),
    ],
)
def test_what_is_neither_one_nor_several_is_refused_by_its_name(scenes, call, says):
    with pytest.raises(UsageError, match=f"^{says}"):
        call(*scenes)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda a, b: gscli.resample(a, b, seed=""), "seed must be an integer between 0 and .*, not ''"),
        (
            lambda a, b: gscli.resample(a, b, repeat="a"),
            "repeat must be an integer between 1 and .*, not 'a'",
        ),
        (lambda a, b: gscli.read(3), "path must be a path, not 3"),
        (lambda a, b: gscli.read(None), "path must be a path, not None"),
        (lambda a, b: gscli.read(""), "path must be a path, not an empty text"),
        (
            lambda a, b: gscli.read(gscli.read(a).rows),
            "path must be a path, not rows of named columns of shape",
        ),
        (lambda a, b: gscli.write(None, gscli.read(a)), "path must be a path, not None"),
        (lambda a, b: gscli.read(gscli.read(a)), "path must be a path, not GaussianCloud"),
        (
            lambda a, b: gscli.convert(gscli.read(a), b),
            "source must be a path, not GaussianCloud; write it first",
        ),
        (lambda a, b: gscli.VoxelGrid.from_points(None), r"xyz must be \(N, 3\) numbers, not None"),
        (lambda a, b: gscli.VoxelGrid.from_points({}), r"xyz must be \(N, 3\) numbers, not dict"),
        (lambda a, b: gscli.neighbors.knn(gscli.read(a)), r"points must be .*, not a cloud; give its .xyz"),
        (
            lambda a, b: gscli.resample(a, b, voxel_size=10**400),
            r"voxel_size must be a positive number, not 10000000000000.*$",
        ),
        (lambda a, b: gscli.resample(a, 3), "output must be a path, not 3"),
        (lambda a, b: gscli.resample(a, b, method=3), "method must be a name, or several, not 3"),
        (
            lambda a, b: gscli.resample(a, b, voxel_size=True),
            "voxel_size must be a positive number, not True",
        ),
        (lambda a, b: gscli.resample(a, b, overwrite="no"), "overwrite must be True or False, not 'no'"),
        (lambda a, b: gscli.convert(1, 2), "source must be a path, not 1"),
        (lambda a, b: gscli.coprune(a, b, threshold=1, out_dir=1), "out_dir must be a path, not 1"),
        (lambda a, b: gscli.verify(1, b), "source must be a path, a cloud or .*, not 1"),
        (lambda a, b: gscli.compare(a, 3), r"target must be a path, a cloud or \(N, 3\) numbers, not 3"),
        (lambda a, b: gscli.compare(np.zeros(3), b), r"source must be .*, not float64 of shape \(3,\)"),
        (lambda a, b: gscli.compare(a, b, gaussians="yes"), "gaussians must be True or False, not 'yes'"),
        (
            lambda a, b: gscli.compare(a, b, memory_limit=1.5),
            "memory_limit must be whole bytes or .*, not 1.5",
        ),
        (
            lambda a, b: gscli.resample(a, b, method="half-densty"),
            "no method 'half-densty'; did you mean half-density",
        ),
        (lambda a, b: gscli.resample(a, b, pick="opacty"), "no pick 'opacty'; did you mean opacity"),
        (lambda a, b: gscli.resample(a, b, pick=3), "no pick 3; choose from random"),
        (lambda a, b: gscli.resample(a, b, pick=[3]), r"no pick \[3\]; choose from random"),
        (lambda a, b: gscli.resample(a, b, method=[]), "method names no method"),
        (lambda a, b: gscli.compare(a, b, engine=None), "no engine None"),
        (lambda a, b: gscli.compare(a, b, pair=3), "pair must be nearest, rows or index:FILE, not 3"),
        (
            lambda a, b: gscli.compare(a, b, max_queries=1.5),
            "max_queries must be an integer of at least 1, not 1.5",
        ),
        (lambda a, b: gscli.compare(a, b, min_fitness="1"), "min_fitness must be between 0 and 1, not '1'"),
        (lambda a, b: gscli.compare(a, b, max_rmse=[1]), r"max_rmse must be a number from 0, not \[1\]"),
        (lambda a, b: gscli.compare(a, b, min_psnr="3"), "min_psnr must be a number of dB over 0, not '3'"),
        (
            lambda a, b: gscli.compare(a, b, threshold=np.array(None)),
            "threshold must be a distance, or several, not object",
        ),
        (lambda a, b: gscli.compare(a, b, data_range="1"), "data_range must be a positive number, not '1'"),
        (lambda a, b: gscli.lod(a, "levels", to=3), "to must be the suffix or the name of a format, not 3"),
        (
            lambda a, b: gscli.compare(SimpleNamespace(vertices=np.eye(3)), b),
            r"source must be a path, .*, not SimpleNamespace; give its \.vertices",
        ),
        (lambda a, b: gscli.render(a, "a.png", background=["red"]), r"background \['red'\] is no colour"),
        (lambda a, b: gscli.render(a, "a.png", rasterizer=3), "no rasterizer 3"),
        (lambda a, b: gscli.convert(a, "b.spz", quality=3), "no quality 3; choose from full, compact"),
        (
            lambda a, b: gscli.coprune(a, b, threshold=1, out_dir="c", min_points="1"),
            "min_points must be an integer of 0 or more, not '1'",
        ),
        (lambda a, b: list(gscli.watch(a.parent, every=None)), "every must be a positive number, not None"),
        (lambda a, b: list(gscli.watch(a.parent, timeout="1")), "timeout must be a positive number, not '1'"),
        (
            lambda a, b: list(gscli.watch(a.parent, threshold=[1])),
            r"threshold must be a positive number, not \[1\]",
        ),
        (lambda a, b: gscli.resample(a, b, device="cdua"), "no device 'cdua'; did you mean cuda"),
        (lambda a, b: gscli.compare(a, b, device=None), "device must be a name, not None; choose from cpu"),
        (lambda a, b: gscli.resample(a, b, device=3), "device must be a name, not int; choose from cpu"),
        (
            lambda a, b: gscli.resample(a, b, method="k-per-grid", k="3"),
            "k must be an integer between 1 and .*, not '3'",
        ),
    ],
)
def test_what_is_of_another_type_is_refused_by_its_name(scenes, call, says):
    with pytest.raises(UsageError, match=f"^{says}"):
        call(*scenes)


@pytest.mark.parametrize(
    "call",
    [
        lambda odd: gscli.VoxelGrid.from_points(odd, voxel_size=1),
        lambda odd: gscli.VoxelGrid.from_ids(odd),
        lambda odd: gscli.compare(odd, np.eye(3)),
        lambda odd: gscli.neighbors.knn(odd),
        lambda odd: gscli.neighbors.mean_squared_distance(odd, 1),
        lambda odd: training.GridSampler.from_points(odd, voxel_size=1),
        lambda odd: training.GridSampler.from_ids(odd),
    ],
)
@pytest.mark.parametrize("kind", ["meta", "sparse", "nested", "quantized"])
def test_a_tensor_without_an_array_of_numbers_is_refused_in_one_line(call, kind):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of kinds that it means to leave
        odd = {
            "meta": lambda: torch.eye(3, device="meta"),
            "sparse": lambda: torch.eye(3).to_sparse(),
            "nested": lambda: torch.nested.nested_tensor([torch.eye(3)]),
            "quantized": lambda: torch.quantize_per_tensor(torch.eye(3), 0.1, 0, torch.qint8),
        }[kind]()
    with pytest.raises(
        UsageError, match=f"^a .*{'' if kind == 'meta' else kind}.* holds no array of numbers"
    ):
        call(odd)


def test_floats_of_eight_bits_are_taken_as_they_are():
    torch = pytest.importorskip("torch")
    small = torch.tensor([[0.5, 1, 2], [-4, 1, 2]]).to(torch.float8_e4m3fn)
    assert gscli.VoxelGrid.from_points(small, voxel_size=1).cells.tolist() == [[-4, 1, 2], [0, 1, 2]]
    assert training.GridSampler.from_points(small, voxel_size=1).ids.tolist() == [[-4, 1, 2], [0, 1, 2]]
