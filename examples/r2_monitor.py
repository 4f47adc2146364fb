"""Two models of one scene in a fork of r2_gaussian: how far they disagree, and pruning of both, by gscli.

The functions take and give what the fork's ``corgs_metrics`` do, exactly, whatever the number of points:

    from r2_monitor import CorgsMonitor, co_prune, log_corgs_metrics

`CorgsMonitor` logs the four scalars of CoR-GS every 500 iterations and never stops the training for them:
they are measured in another process. What it is called with is copied.

    python examples/r2_monitor.py        # two small models that drift apart, and are pruned by each other
"""

import argparse

import torch

from gscli.coprune import masks
from gscli.device import to_numpy
from gscli.neighbors import knn
from gscli.training import DisagreementMonitor
from gscli.watching import disagreement

MATCHED_WITHIN = 0.3  # scene units
MIN_POINTS = 5_000  # that pruning leaves


def compute_point_disagreement(gaussians_1_xyz, gaussians_2_xyz, threshold=MATCHED_WITHIN):
    """The share of the first's centres nearer than `threshold` to one of the second's, and their RMSE.

    It is infinite where there are none.
    """
    first, second = to_numpy(gaussians_1_xyz), to_numpy(gaussians_2_xyz)
    found = disagreement.points(first, second, threshold=threshold, tag="point")
    return found["point_fitness"], found["point_rmse"]


def compute_rendering_disagreement(image_1, image_2, data_range=None):
    """PSNR in dB of two renders of one camera, (C, H, W) of 0..1 or `data_range`: 80 where they are equal."""
    return _alike(image_1, image_2, data_range)["corgs/render_psnr_diff"]


def compute_ssim_disagreement(image_1, image_2, data_range=None):
    """SSIM between two renders of one camera, (C, H, W) of 0..1 or `data_range`."""
    return _alike(image_1, image_2, data_range)["corgs/render_ssim_diff"]


def log_corgs_metrics(
    gaussians_1,
    gaussians_2,
    test_camera,
    pipe,
    background=None,
    threshold=MATCHED_WITHIN,
    render=None,
    data_range=None,
):
    """All four at once, here and now; `render` is the fork's own where none is given."""
    if render is None:
        from r2_gaussian.gaussian import render
    fitness, rmse = compute_point_disagreement(gaussians_1.get_xyz, gaussians_2.get_xyz, threshold)
    with torch.no_grad():
        pair = [render(test_camera, model, pipe)["render"] for model in (gaussians_1, gaussians_2)]
    alike = _alike(*pair, data_range)
    renders = {name.removeprefix("corgs/"): value for name, value in alike.items()}
    return {"point_fitness": fitness, "point_rmse": rmse, **renders}


def _alike(image_1, image_2, data_range):
    pair = to_numpy(image_1), to_numpy(image_2)
    return disagreement.renders(*pair, data_range=data_range)


class CorgsMonitor:
    """Logs ``corgs/point_fitness``, ``_rmse``, ``corgs/render_psnr_diff`` and ``_ssim_diff`` by the way.

    Args:
        tb_writer: TensorBoard's SummaryWriter, or any function of a dict of scalars and an iteration.
        threshold: a centre is matched when its counterpart is nearer than this.
        interval: iterations between two measurements.
        data_range: what the values of images span; of X-ray images the largest value of a projection.
    """

    def __init__(self, tb_writer, threshold=MATCHED_WITHIN, interval=500, data_range=None):
        self.monitor = DisagreementMonitor(tb_writer, threshold=threshold, queue=8)
        self.interval, self.data_range = interval, data_range

    def training_report(self, iteration, gaussians, images=None):
        """To be called every iteration, with both models and, if there are some, both renders of one camera.

        Args:
            gaussians: two objects with ``get_xyz``.
            images: two (C, H, W) tensors, or a function that renders them, which is called when it is time.
        """
        if iteration % self.interval:
            return
        self.monitor(*(model.get_xyz for model in gaussians), iteration)
        images = images() if callable(images) else images
        if images is not None:
            self.monitor.renders(*images, iteration, data_range=self.data_range)

    def close(self):
        """Wait for what is being measured, and log it."""
        self.monitor.close()


def co_prune(gaussians, threshold, min_points=MIN_POINTS):
    """Drop from both models what has no counterpart in the other; how many each lost.

    Both masks are made before either model is pruned, so that the order makes no difference. A model that
    would be left with fewer than `min_points` is not pruned.

    Args:
        gaussians: two objects with ``get_xyz`` and ``prune_points(mask)``, which drops what the mask has.
        threshold: a counterpart is no farther than this, in scene units.
    """
    xyz = [model.get_xyz.detach() for model in gaussians]
    forth, back = (knn(xyz[1 - i], 1, queries=xyz[i])[0][:, 0] for i in range(2))
    lost = []
    for model, matched in zip(gaussians, masks(forth, back, threshold), strict=True):
        kept = int(matched.sum())
        lost.append(len(matched) - kept if kept >= min_points else 0)
        if lost[-1]:
            model.prune_points(~matched)
    return tuple(lost)


class Model:
    """As much of a GaussianModel as this needs."""

    def __init__(self, xyz):
        self.get_xyz = xyz

    def prune_points(self, mask):
        self.get_xyz = self.get_xyz[~mask]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--iterations", type=int, default=2_000)
    options = parser.parse_args()

    generator = torch.Generator().manual_seed(0)
    xyz = torch.rand(options.points, 3, generator=generator) * 4
    models = [Model(xyz.clone()) for _ in range(2)]
    monitor = CorgsMonitor(
        lambda scalars, step: print(step, *(f"{name} {value:.4g}" for name, value in scalars.items()))
    )
    image = torch.rand(1, 64, 64, generator=generator)
    for iteration in range(1, options.iterations + 1):
        for model in models:
            model.get_xyz = model.get_xyz + 0.001 * torch.randn(xyz.shape, generator=generator)
        noise = iteration / options.iterations * torch.rand(image.shape, generator=generator) / 10
        monitor.training_report(iteration, models, (image, image - noise * image))
    monitor.close()
    before = [len(model.get_xyz) for model in models]
    lost = co_prune(models, threshold=0.15, min_points=options.points // 4)
    print("pruned", *(f"{n:,} of {total:,}" for n, total in zip(lost, before, strict=True)))


if __name__ == "__main__":
    main()
