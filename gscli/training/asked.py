"""What a sampler is asked to draw: methods, under the names of their scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import arguments
from ..errors import UsageError
from ..grids.methods import Method
from ..grids.methods import method as method
from ..kernels import hashing

Names = str | Method | Sequence[str | Method] | Mapping[str, str | Method]


def asked(names: Names, *, world_size: int) -> dict[str, Method]:
    """The methods that are asked for, by the names of their scenarios.

    Args:
        names: as of `GridSampler.scenarios`.

    Raises:
        UsageError: no method, one that needs more than chance or all cells, or a name twice.
    """
    wanted = "methods or their names"
    if isinstance(names, Mapping):
        labels = arguments.several(list(names), "names", (str,), "a mapping from names to methods")
        given = list(
            zip(labels, arguments.several(list(names.values()), "names", (str, Method), wanted), strict=True)
        )
    else:
        found = arguments.several(names, "names", (str, Method), wanted)
        given = [(name if isinstance(name, str) else name.name, name) for name in found]
    methods: dict[str, Method] = {}
    for label, name in given:
        how = method(name) if isinstance(name, str) else name
        if label in methods:
            raise UsageError(
                f"the scenario {label} is asked for twice",
                remedy="name them: a mapping from names to methods",
            )
        if not how.pick.uniform:
            raise UsageError(f"a sampler draws at random and cannot pick by {how.pick.name}")
        if how.compensate is not None:
            raise UsageError(f"a sampler gives rows, and compensates for no {how.compensate}")
        if how.target is not None and world_size > 1:
            raise UsageError(
                "a target is shared over all cells, and a rank has only some", remedy="use a ratio"
            )
        methods[label] = how
    return methods


def seed_of(label: str, how: Method, seed: int) -> int:
    """The seed that a scenario is drawn by: the sampler's, unless it goes by a name of its own."""
    return seed if label in (how.name, how.rule.alias) else hashing.labelled(seed, label)
