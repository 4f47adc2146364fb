"""Density-invariant training in a fork of Pointcept: its sampler and its loss, by gscli.

`GridAwareSampler` and `DensityConsistencyLoss` take and give what the trainer's own classes do, so that one
line of a trainer changes:

    from pointcept_sampler import DensityConsistencyLoss, GridAwareSampler

What changes with them: the draw of each cell is random and follows the seed, `sampling_ratio` is what was
kept, scenes of a batch never share a cell (`batch` or `offset` says which rows are whose), a tensor that is
not of the scene's length is an error, and the loss has a gradient.

    python examples/pointcept_sampler.py        # two scenes in one batch, trained for a few iterations
"""

import argparse
import json
import secrets
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import gscli
from gscli.grids import grid_files
from gscli.training import GridSampler, collate, density_consistency, method

SCENARIOS = {
    "dense": "dense",
    "half": "half_density",
    "single": "single_per_grid",
}  # as samples call themselves
KINDS = {"mse": "mse", "cosine": "cosine", "kl": "kl-one-sided"}


class GridAwareSampler:
    """Draws scenarios of a scene, or of a batch of scenes, by the cells that its points are mapped to.

    Every call draws anew; the same seed and the same calls draw the same. Without a seed one is chosen.
    """

    def __init__(
        self, min_sample_ratio=0.3, max_sample_ratio=0.7, seed=None, rank=0, world_size=1, svd_rank=None
    ):
        self.half = method("half", ratio=(min_sample_ratio, max_sample_ratio))
        self.seed = (secrets.randbits(63) if seed is None else seed) + rank
        self.rank, self.world_size, self.svd_rank = rank, world_size, svd_rank
        self.epoch = 0

    def load_grid_mapping_with_rank(self, scene_path, target_rank=None):
        """The grid of a scene folder, or this rank's part of it: ids of its cells, and their features.

        `point_to_grid` has a row for every point of the scene, -1 for those without a valid feature and for
        those in cells of other ranks; no scenario holds them.
        """
        rank = self.rank if target_rank is None else target_rank
        name = None if self.svd_rank is None else f"lang_feat_grid_svd_r{self.svd_rank}.npz"
        path = grid_files.find_mapping(scene_path, name)
        ids = grid_files.read_mapping(path, len(gscli.read(scene_path)), scene=scene_path)
        with np.load(path, allow_pickle=False) as archive:
            compressed = archive["compressed"]
        each = -(-len(compressed) // self.world_size)
        start, end = rank * each, min((rank + 1) * each, len(compressed))
        ids = np.where((ids >= start) & (ids < end), ids - start, -1)
        meta = Path(scene_path) / "grid_meta_data.json"
        return {
            "compressed_features": torch.from_numpy(compressed[start:end]).float(),
            "point_to_grid": torch.from_numpy(ids),
            "num_grids": end - start,
            "num_points": int((ids >= 0).sum()),
            "svd_rank": compressed.shape[1],
            "start_grid": start,
            "end_grid": end,
            "rank": rank,
            **({"meta": json.loads(meta.read_text("utf-8"))} if meta.is_file() else {}),
        }

    def sample_scenarios(
        self, coord, feat, point_to_grid, labels=None, scenarios=("dense", "half", "single"), **kwargs
    ):
        """A dict for each scenario: what was given, thinned, and what is to say of the scenario.

        `batch`, the scene of each row, or `offset`, where each scene ends, tells the scenes of a batch apart;
        samples have both. Other tensors have a row for each point; what is no tensor is passed on.
        """
        batch, offset = kwargs.pop("batch", None), kwargs.pop("offset", None)
        if batch is not None:
            offset = None  # which says the same
        sampler = GridSampler.from_ids(point_to_grid, batch=batch, offset=offset, seed=self.seed)
        names = [scenarios] if isinstance(scenarios, str) else scenarios
        asked = {name: self.half if name == "half" else name for name in names}
        views = sampler.scenarios(asked, epoch=self.epoch)
        self.epoch += 1
        tensors = {"coord": coord, "feat": feat, "point_to_grid": point_to_grid}
        if labels is not None:
            tensors["labels"] = labels
        plain = {name: value for name, value in kwargs.items() if not isinstance(value, torch.Tensor)}
        tensors |= {name: value for name, value in kwargs.items() if name not in plain}
        samples = []
        for name, view in views.items():
            sample = collate(view, **tensors)
            sample |= {
                "sampling_ratio": torch.tensor(view.fraction, device=coord.device),
                "scenario": SCENARIOS.get(name, name),
                "num_points": len(view.rows),
                "rank": self.rank,
            }
            samples.append(sample | plain)
        return samples

    def sample_dense(self, coord, feat, point_to_grid, labels=None, **kwargs):
        return self.sample_scenarios(coord, feat, point_to_grid, labels, ["dense"], **kwargs)[0]

    def sample_half_density(self, coord, feat, point_to_grid, labels=None, **kwargs):
        return self.sample_scenarios(coord, feat, point_to_grid, labels, ["half"], **kwargs)[0]

    def sample_single_per_grid(self, coord, feat, point_to_grid, labels=None, **kwargs):
        return self.sample_scenarios(coord, feat, point_to_grid, labels, ["single"], **kwargs)[0]


class DensityConsistencyLoss(nn.Module):
    """How much the mean output of a cell differs between scenarios: pairs weigh what cells they share."""

    def __init__(self, consistency_type="mse", temperature=0.5, use_grid_features=True):
        super().__init__()
        if consistency_type not in KINDS:
            raise ValueError(f"consistency_type {consistency_type!r}: choose from {', '.join(KINDS)}")
        self.kind, self.temperature = KINDS[consistency_type], temperature

    def forward(self, outputs, inputs):
        """The loss, and a dict of that of each pair.

        Args:
            outputs: for each scenario the network's output, with `feat`.
            inputs: the samples of one call of `sample_scenarios`.
        """
        loss = self._between(outputs, inputs)
        said, shared = {}, 0
        for i, j in combinations(range(len(inputs)), 2):
            with torch.no_grad():
                pair = self._between([outputs[i], outputs[j]], [inputs[i], inputs[j]])
            said[f"{inputs[i]['scenario']}_vs_{inputs[j]['scenario']}"] = pair.item()
            cells = [inputs[k]["cell"].unique() for k in (i, j)]
            shared += int(torch.isin(*cells).sum())
        return loss, {**said, "total_consistency": loss.item(), "num_common_grids": shared}

    def _between(self, outputs, inputs):
        sizes = torch.tensor([len(sample["cell"]) for sample in inputs])
        cells = torch.cat([sample["cell"] for sample in inputs])
        batch = {
            "cell": cells,
            "batch": torch.repeat_interleave(torch.arange(len(inputs)), sizes).to(cells.device),
            "offset": sizes.cumsum(0).to(cells.device),
        }
        temperature = self.temperature if self.kind.startswith("kl") else None
        out = torch.cat([output["feat"] for output in outputs])
        return density_consistency(out, batch, self.kind, temperature=temperature)


def made_batch(points, seed):
    """Two rooms one after the other, as Pointcept batches them; the ids of both begin at 0."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [points, points // 2]
    coord = torch.rand(sum(sizes), 3, generator=generator) * torch.tensor([6.0, 6.0, 3.0])
    label = (coord[:, 2] > 1.5).long()
    feat = torch.cat([coord / 6, label[:, None] + torch.randn(len(coord), 1, generator=generator)], 1)
    scene = torch.repeat_interleave(torch.arange(2), torch.tensor(sizes))
    ids = torch.cat(
        [torch.unique((coord[scene == s] / 0.5).long(), dim=0, return_inverse=True)[1] for s in range(2)]
    )
    return coord, feat, label, ids, scene


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    torch.manual_seed(options.seed)
    coord, feat, label, ids, scene = made_batch(options.points, options.seed)
    sampler, consistency = GridAwareSampler(seed=options.seed), DensityConsistencyLoss()
    network = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for iteration in range(options.iterations):
        samples = sampler.sample_scenarios(coord, feat, ids, labels=label, batch=scene)
        together = network(torch.cat([sample["feat"] for sample in samples]))  # one forward pass
        outputs = [{"feat": part} for part in together.split([sample["num_points"] for sample in samples])]
        task = sum(
            functional.cross_entropy(output["feat"], sample["labels"])
            for output, sample in zip(outputs, samples, strict=True)
        )
        term, told = consistency(outputs, samples)
        optimizer.zero_grad(set_to_none=True)
        (task + 0.1 * term).backward()
        optimizer.step()
        if iteration in (0, options.iterations - 1):
            said = f"task {task.item():.3f}, consistency {told['total_consistency']:.4f}"
            print(f"iteration {iteration + 1}: {said}")
    for sample in samples:
        ends = ", ".join(map(str, sample["offset"].tolist()))
        share = f"{sample['sampling_ratio'].item():6.1%} of the points"
        print(f"{sample['scenario']:16} {share}, scenes end at {ends}")
    cells = sum(int(ids[scene == s].max()) + 1 for s in range(2))
    print(
        f"{cells:,} cells in both scenes; {told['num_common_grids']:,} in common, over all pairs of scenarios"
    )


if __name__ == "__main__":
    main()
