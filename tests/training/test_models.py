"""Whole models in training, as trainers hold them: what is copied of them, and what a monitor makes of it."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gscli import fields, formats
from gscli.cloud import GaussianCloud
from gscli.errors import UsageError
from gscli.training import DisagreementMonitor, cloud_of
from gscli.training.models import cloud as as_cloud
from gscli.training.models import table
from gscli.watching import disagreement, drawing
from tests.drawn import cloud

VIEWS: dict[str, Any] = {"views": 2, "size": (40, 30)}


def columns(made: GaussianCloud, *names: str) -> Any:
    return np.stack([made[name] for name in names], 1)


def as_gsplat(made: GaussianCloud, wrap: Any = lambda values: values) -> dict[str, Any]:
    """Parameters as gsplat has them: harmonics by coefficient, then channel."""
    degree = fields.sh_degree(made.fields) or 0
    rest = columns(made, *fields.sh_rest(degree)) if degree else np.empty((len(made), 0), np.float32)
    parts = {
        "means": columns(made, *fields.POSITION),
        "scales": columns(made, *fields.SCALE),
        "quats": columns(made, *fields.ROTATION),
        "opacities": made["opacity"],
        "sh0": columns(made, *fields.SH_DC)[:, None, :],
        "shN": rest.reshape(len(made), 3, -1).transpose(0, 2, 1),
    }
    return {name: wrap(np.ascontiguousarray(values)) for name, values in parts.items()}


def as_reference_code(made: GaussianCloud, wrap: Any = lambda values: values) -> SimpleNamespace:
    parts = as_gsplat(made, wrap)
    names = {"means": "_xyz", "scales": "_scaling", "quats": "_rotation", "opacities": "_opacity"}
    names |= {"sh0": "_features_dc", "shN": "_features_rest"}
    return SimpleNamespace(**{other: parts[name] for name, other in names.items()})


@pytest.mark.parametrize("kind", [as_gsplat, as_reference_code])
@pytest.mark.parametrize("degree", [0, 2])
def test_a_model_is_copied_as_a_file_would_hold_it(kind: Any, degree: int) -> None:
    made = cloud(30, degree)
    found = as_cloud(*table(kind(made), harmonics=True))
    assert set(found.fields) == set(made.fields)
    for name in made.fields:
        np.testing.assert_array_equal(found[name], made[name])
    few = as_cloud(*table(kind(made), harmonics=False))
    assert fields.sh_degree(few.fields) == 0
    assert few.rows.itemsize == 56


def test_tensors_that_are_trained_are_copied() -> None:
    torch = pytest.importorskip("torch")
    made = cloud(20, 1)
    wrap = lambda values: torch.nn.Parameter(torch.from_numpy(values).half())  # noqa: E731
    found = as_cloud(*table(as_reference_code(made, wrap), harmonics=True))
    np.testing.assert_allclose(found["f_rest_4"], made["f_rest_4"], atol=1e-3)


def as_nerfstudio(made: GaussianCloud) -> dict[str, Any]:
    parts = as_gsplat(made)
    names = {"sh0": "features_dc", "shN": "features_rest"}
    parts = {names.get(name, name): values for name, values in parts.items()}
    return parts | {"features_dc": parts["features_dc"][:, 0], "opacities": parts["opacities"][:, None]}


def test_parameters_of_nerfstudio_are_taken_too_whose_colours_alone_are_logits() -> None:
    made = cloud(30, 1)
    found = cloud_of(as_nerfstudio(made))
    assert set(found.fields) == set(made.fields)
    for name in made.fields:
        np.testing.assert_array_equal(found[name], made[name])
    plain = cloud(30, 0)
    dc = cloud_of(as_nerfstudio(plain))["f_dc_1"]
    np.testing.assert_allclose(fields.rgb_from_dc(dc), fields.sigmoid(plain["f_dc_1"]), atol=1e-6)
    few = cloud_of(as_nerfstudio(made), harmonics=False)
    np.testing.assert_array_equal(few["f_dc_1"], made["f_dc_1"])


def test_a_parameter_dict_is_written_as_3dgs_orders_its_columns(tmp_path: Any) -> None:
    torch = pytest.importorskip("torch")
    made = cloud(30, 1)
    model = torch.nn.ParameterDict(as_gsplat(made, torch.from_numpy))
    formats.write(tmp_path / "model.ply", cloud_of(model))
    found = formats.read(tmp_path / "model.ply")
    order = (*fields.POSITION, *fields.SH_DC, *fields.sh_rest(1), "opacity", *fields.SCALE, *fields.ROTATION)
    assert found.fields == order
    for name in order:
        np.testing.assert_array_equal(found[name], made[name])


def test_densities_come_with_scales_as_they_are_bounded() -> None:
    made = cloud(20)
    model = SimpleNamespace(
        _xyz=columns(made, *fields.POSITION),
        _scaling=np.zeros((20, 3)),
        get_scaling=np.full((20, 3), 0.25),
        _rotation=columns(made, *fields.ROTATION),
        _density=made["opacity"][:, None],
    )
    found = as_cloud(*table(model, harmonics=False))
    assert set(found.fields) == {*fields.POSITION, *fields.SCALE, *fields.ROTATION, "density"}
    np.testing.assert_allclose(found["scale_1"], np.log(0.25), rtol=1e-6)


def test_parts_may_be_lists() -> None:
    made = as_gsplat(cloud(5, 1))
    assert cloud_of({name: values.tolist() for name, values in made.items()}) == cloud_of(made)


def test_a_model_without_a_part_is_refused_by_its_name() -> None:
    model = as_gsplat(cloud(5))
    del model["quats"]
    with pytest.raises(UsageError, match=r"no rotations: none of quats, _rotation"):
        table(model, harmonics=False)
    with pytest.raises(UsageError, match=r"opacity has shape \(4,\), and there are 5 positions"):
        table(as_gsplat(cloud(5)) | {"opacities": np.zeros(4)}, harmonics=False)
    with pytest.raises(UsageError, match=r"harmonics have shape \(4, 3, 3\), and there are 5 positions"):
        cloud_of(as_gsplat(cloud(5)) | {"shN": np.zeros((4, 3, 3))})
    with pytest.raises(UsageError, match=r"harmonics have shape \(5, 3, 3\), and there are 0 positions"):
        cloud_of(as_gsplat(cloud(5, 1)) | {"means": np.float32(1)})
    with pytest.raises(UsageError, match=r"model must be tensors or arrays of numbers, not 'all'"):
        cloud_of(as_gsplat(cloud(5)) | {"means": "all"})


@pytest.mark.compiled
def test_all_four_scalars_come_of_two_models_and_nothing_else() -> None:
    logged: dict[int, dict[str, float]] = {}
    models = [[cloud(150, 1, seed=10 * step + side) for side in (0, 1)] for step in (0, 1)]
    with DisagreementMonitor(lambda scalars, step: logged.update({step: scalars}), **VIEWS) as monitor:
        for step, pair in enumerate(models):
            monitor.models(*map(as_gsplat, pair), step)
    assert sorted(logged) == [0, 1]
    drawn = drawing.Drawing(drawing.asked(**VIEWS))
    for step, pair in enumerate(models):
        bare = [each[:].with_columns({}) for each in pair]
        flat = [
            GaussianCloud.from_columns({n: each[n] for n in each.fields if not n.startswith("f_rest")})
            for each in bare
        ]
        wanted = disagreement.points(pair[0].xyz, pair[1].xyz) | drawn.renders(*flat, ("a", "b"))
        assert logged[step] == pytest.approx(wanted)
        for name in ("point_fitness", "point_rmse", "render_psnr_diff", "render_ssim_diff"):
            assert f"corgs/{name}" in logged[step]


@pytest.mark.compiled
def test_cameras_outlive_the_process_that_draws() -> None:
    logged: dict[int, dict[str, float]] = {}
    first, second = cloud(150, seed=1), cloud(150, seed=2)
    moved = [each.with_columns({"x": each["x"] + np.float32(0.5)}) for each in (first, second)]
    monitor = DisagreementMonitor(lambda scalars, step: logged.update({step: scalars}), **VIEWS)
    monitor.models(as_gsplat(first), as_gsplat(second), 0)
    while 0 not in logged:
        monitor.poll()
    assert monitor._process.running is not None
    monitor._process.running.kill()
    monitor._process.running.wait()
    monitor.models(*map(as_gsplat, moved), 1)  # finds that it died
    while not monitor.restarts:
        monitor.poll()
    monitor.models(*map(as_gsplat, moved), 2)
    monitor.close()
    drawn = drawing.Drawing(drawing.asked(**VIEWS))
    drawn.renders(first, second, ("a", "b"))
    assert logged[2]["corgs/render_psnr_diff"] == pytest.approx(
        drawn.renders(*moved, ("a", "b"))["corgs/render_psnr_diff"]
    )


def test_a_step_takes_one_place_in_the_queue() -> None:
    monitor = DisagreementMonitor(lambda scalars, step: None, queue=1, **VIEWS)
    monitor._wake.acquire()  # nothing is taken out meanwhile
    try:
        for step in range(3):
            monitor.models(as_gsplat(cloud(9)), as_gsplat(cloud(9)), step)
        assert [job.step for job in monitor._pending] == [2]
        assert monitor.dropped == 2
    finally:
        monitor._wake.release()
        monitor.close()


def test_models_that_cannot_be_drawn_are_told_of_once_and_measured_by_their_points(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GSCLI_CORE", "0")
    logged: dict[int, dict[str, float]] = {}
    with (
        caplog.at_level(logging.WARNING),
        DisagreementMonitor(lambda scalars, step: logged.update({step: scalars}), **VIEWS) as monitor,
    ):
        for step in range(2):
            monitor.models(as_gsplat(cloud(9)), as_gsplat(cloud(9)), step)
    assert [set(logged[step]) for step in (0, 1)] == [
        {f"corgs/point_{n}" for n in ("fitness", "rmse", "fitness_reverse", "rmse_reverse")}
    ] * 2
    assert len([r for r in caplog.records if "are not drawn: " in r.getMessage()]) == 1


def test_nothing_is_raised_into_the_training(caplog: pytest.LogCaptureFixture) -> None:
    with DisagreementMonitor(lambda scalars, step: None, **VIEWS) as monitor:
        monitor.models({}, {}, 1)
        monitor.models(None, object(), "x")
    assert monitor.failed == 2


def test_views_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="is no direction"):
        DisagreementMonitor(lambda scalars, step: None, up="w")
