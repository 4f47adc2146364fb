"""What torch.compile makes of a training step that samples, measures and costs: the same."""

import warnings

import pytest

torch = pytest.importorskip("torch")

from gscli.neighbors import knn, mean_squared_distance  # noqa: E402
from gscli.training import GridSampler, collate, density_consistency  # noqa: E402

COORD = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
SAMPLER = GridSampler.from_points(COORD, voxel_size=0.2)


def step(epoch):
    sampler = GridSampler.from_points(COORD + epoch, voxel_size=0.2)
    sampler.load_state_dict(sampler.state_dict())
    batch = collate(sampler.scenarios(epoch=epoch), coord=COORD)
    return density_consistency(batch["coord"], batch, "kl")


def kept(epoch):
    return SAMPLER.scenarios(("half", "single"), epoch=epoch)["half"].rows


def named(epoch):
    return GridSampler.from_ids((COORD[:, 0] * 10).long()).scenarios("single", epoch=epoch)["single"].rows


def sized(epoch):
    return mean_squared_distance(COORD), *knn(COORD * (1 + epoch), 2)


@pytest.mark.once
@pytest.mark.parametrize("whole", [step, kept, named, sized])
def test_what_is_compiled_gives_what_is_not(whole):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of what it does not trace
        compiled = torch.compile(whole, backend="eager")
        found = compiled(1)
    torch.testing.assert_close(found, whole(1), rtol=0, atol=0)
