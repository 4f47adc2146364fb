"""Train a small network so that its predictions depend less on how dense a scene was sampled.

A room is generated: floor, walls, boxes and balls, scanned more densely in some places than in
others, with noisy colours. A network that pools over neighbourhoods learns which is which, once
without and once with the consistency term, from the same start, on the same scenarios. Then both see a
room they do not know at three densities.

    python examples/train_density_invariant.py
"""

import argparse
import time

import torch
from torch import nn
from torch.nn import functional

from gscli.progress import Timings
from gscli.training import GridSampler, collate, density_consistency

CLASSES = ("floor", "wall", "box", "ball")
COLORS = torch.tensor([[0.5, 0.4, 0.3], [0.6, 0.6, 0.5], [0.5, 0.5, 0.4], [0.6, 0.4, 0.4]])
SCENARIOS = ("dense", "half", "single")


def make_room(points, seed):
    """(N, 3) positions in a room of 6 x 6 x 3, (N, 3) noisy colours, (N,) classes."""
    g = torch.Generator().manual_seed(seed)

    def rand(*shape):
        return torch.rand(*shape, generator=g)

    n = points // 4
    floor = torch.cat([rand(n, 2) * 6, 0.01 * rand(n, 1)], 1)
    along, side = rand(n) * 6, torch.randint(4, (n,), generator=g)
    ends = torch.where(side % 2 == 0, 0.0, 6.0)
    wall = torch.stack(
        [torch.where(side < 2, along, ends), torch.where(side < 2, ends, along), rand(n) * 3], 1
    )
    which = torch.randint(8, (n,), generator=g)
    corner, size = rand(8, 3) * torch.tensor([5.0, 5.0, 0.5]), 0.3 + 0.5 * rand(8, 3)
    inside, face = rand(n, 3), torch.randint(3, (n,), generator=g)
    inside[torch.arange(n), face] = inside[torch.arange(n), face].round()
    box = corner[which] + inside * size[which]
    which = torch.randint(8, (n,), generator=g)
    center, radius = rand(8, 3) * torch.tensor([5.0, 5.0, 1.5]) + 0.5, 0.15 + 0.3 * rand(8)
    ball = center[which] + radius[which, None] * functional.normalize(torch.randn(n, 3, generator=g), dim=1)
    coord = torch.cat([floor, wall, box, ball])
    label = torch.arange(4).repeat_interleave(n)
    color = COLORS[label] + 0.25 * torch.randn(len(coord), 3, generator=g)
    seen = rand(len(coord)) < 0.15 + 0.85 * torch.exp(
        -((coord[:, :2] - 2) ** 2).sum(1) / 4
    )  # a scanner at (2, 2)
    return coord[seen], color[seen], label[seen]


class Network(nn.Module):
    """Each point by itself, then with the maximum over its neighbourhood, at two sizes."""

    def __init__(self, width=48, sizes=(0.25, 1.0)):
        super().__init__()
        self.sizes = sizes
        self.point = nn.Sequential(nn.Linear(7, width), nn.ReLU(), nn.Linear(width, width))
        self.head = nn.Sequential(
            nn.Linear(width * (1 + len(sizes)), width), nn.ReLU(), nn.Linear(width, len(CLASSES))
        )

    def forward(self, batch):
        coord = batch["coord"]
        inside = coord / self.sizes[-1] - torch.floor(coord / self.sizes[-1])
        feature = self.point(torch.cat([inside, batch["feat"], coord[:, 2:]], 1))
        pooled = [feature]
        for size in self.sizes:
            cell = torch.cat([batch["batch"][:, None], torch.floor(coord / size).long()], 1)
            _, own = torch.unique(cell @ torch.tensor([1 << 36, 1 << 24, 1 << 12, 1]), return_inverse=True)
            index = own[:, None].expand_as(feature)
            most = feature.new_zeros(int(own.max()) + 1, feature.shape[1])
            pooled.append(most.scatter_reduce(0, index, feature, "amax", include_self=False)[own])
        return self.head(torch.cat(pooled, 1))


def train(room, options, weight):
    """A network trained with `weight` times the consistency, and where the time went."""
    coord, color, label = room
    torch.manual_seed(options.seed)
    model = Network()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    sampler = GridSampler.from_points(coord, voxel_size=options.voxel_size, seed=options.seed)
    timings = Timings()
    for epoch in range(options.iterations):
        with timings.stage("sampling"):
            views = sampler.scenarios(SCENARIOS, epoch=epoch)
        with timings.stage("data"):
            batch = collate(views, coord=coord, feat=color, segment=label)
        with timings.stage("forward"):
            out = model(batch)
            loss = functional.cross_entropy(out, batch["segment"])
        with timings.stage("consistency"):
            term = density_consistency(out, batch, kind=options.kind)
            loss = loss + weight * term
        with timings.stage("backward"):
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        if (epoch + 1) % max(1, options.iterations // 4) == 0:
            print(f"  iteration {epoch + 1:4}: loss {loss.item():.3f}, consistency {term.item():.4f}")
    return model, timings


@torch.no_grad()
def evaluate(model, room, options):
    """Accuracy at each density, and how much predictions for the same points differ from the dense ones."""
    coord, color, label = room
    views = GridSampler.from_points(coord, voxel_size=options.voxel_size, seed=99).scenarios(
        SCENARIOS, epoch=0
    )
    dense = None
    result = {}
    for name, view in views.items():
        batch = collate([view], coord=coord, feat=color)
        chance = model(batch).softmax(1)
        if dense is None:
            dense = torch.zeros(len(coord), len(CLASSES)).index_copy_(0, view.rows, chance)
        before = dense[view.rows]
        result[name] = {
            "accuracy": (chance.argmax(1) == label[view.rows]).float().mean().item(),
            "other class": (chance.argmax(1) != before.argmax(1)).float().mean().item(),
            "probability moved": 0.5 * (chance - before).abs().sum(1).mean().item(),
        }
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--points", type=int, default=20_000, help="of the room before it is scanned")
    parser.add_argument("--voxel-size", type=float, default=0.1)
    parser.add_argument("--kind", choices=("mse", "cosine", "kl"), default="mse")
    parser.add_argument("--weight", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    room, unknown = make_room(options.points, options.seed), make_room(options.points, options.seed + 1)
    print(f"{len(room[0]):,} points to learn from, {len(unknown[0]):,} in a room that is not known")
    results, seconds = {}, time.perf_counter()
    for title, weight in (("without", 0.0), ("with", options.weight)):
        print(f"{title} consistency")
        model, timings = train(room, options, weight)
        results[title] = evaluate(model, unknown, options)
    print(f"\nin the unknown room{'':14}" + "".join(f"{name:>10}" for name in SCENARIOS))
    for measure in ("accuracy", "other class", "probability moved"):
        for title, result in results.items():
            values = "".join(f"{result[name][measure]:10.1%}" for name in SCENARIOS)
            print(f"  {measure:18}{title:>8} " + "    " + values)
    total = sum(timings.values())
    print(f"\nan iteration takes {total / options.iterations * 1e3:.1f} ms (the run with consistency):")
    for stage, value in timings.items():
        print(f"  {stage:12}{value / options.iterations * 1e3:8.2f} ms {value / total:7.1%}")
    print(f"{time.perf_counter() - seconds:.0f} s in all")


if __name__ == "__main__":
    main()
