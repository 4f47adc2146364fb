"""What `gscli.compare` answers: every number, and the points behind them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any

import numpy.typing as npt

from ..cloud import GaussianCloud
from ..progress import Timings
from ..results.documents import document, seconds
from ..results.shown import shown
from .centers import Centers
from .gates import Gate
from .gaussians import Gaussians
from .looks import CAVEAT as LOOKS_CAVEAT
from .looks import Differing, Looks
from .m3c2 import M3C2, Moved
from .pairing import Pairing
from .planes import PointToPlane
from .search import Nearest
from .weights import Ratios, Weighted

Array = npt.NDArray[Any]

SCHEMA = "gscli/compare/1"
CAVEAT = (
    "These numbers diagnose where and how two models differ. They do not judge appearance: "
    "models with equal centres can render very differently."
)
OF_CENTERS = ("thresholds", "source_to_target", "target_to_source", "symmetric", "conventions")
OF_CLOUDS = ("point_to_plane", "m3c2")
NUMBERS = ("source", "target", *OF_CENTERS, *OF_CLOUDS, "pairing", "gaussians", "weighted", "mass", "render")


@dataclass(frozen=True)
class Input:
    """A cloud that was compared.

    Attributes:
        spacing: None where all positions are equal.
        bytes: the size of its file; None of stdin, folders and what is in memory.
    """

    path: str
    format: str
    points: int
    spacing: float | None
    bytes: int | None = None


@shown
@dataclass(frozen=True)
class Evidence:
    """The points behind the numbers.

    Attributes:
        positions: (N, 3) and (M, 3) of source and target, the source's after the transformation.
        forth, back: what each of them is nearest to in the other.
        pictures: of the views that differ most, the worst first; empty where nothing was rendered.
        clouds: source and target as they were read, which tell which way is up.
        moved: what M3C2 found at each core point, in the order of `forth`; None without it.
    """

    positions: tuple[Array, Array]
    forth: Nearest
    back: Nearest
    clouds: tuple[GaussianCloud, GaussianCloud]
    pictures: tuple[Differing, ...] = ()
    moved: Moved | None = None

    def _facts(self) -> dict[str, object]:
        return {"source": len(self.positions[0]), "target": len(self.positions[1])}


@shown
@dataclass(frozen=True)
class Compared:
    """What a comparison found. The source is judged, the target is the reference.

    Attributes:
        centers: everything about positions.
        point_to_plane: None where no nearest point of the target has a normal, and within a memory limit.
        m3c2: None where not asked for.
        pairing, gaussians, weighted, mass: None where Gaussians were not compared.
        render: how alike both look; None where they were not rendered.
        gates: limits and whether they were kept, in the order asked for.
        evidence: the points behind the numbers, for pictures. It is as large as the clouds, and no part of
            what is copied or pickled: there it is None.
    """

    source: Input
    target: Input
    centers: Centers
    pairing: Pairing | None
    gaussians: Gaussians | None
    weighted: Weighted | None
    mass: Ratios | None
    device: str
    timings: Timings
    render: Looks | None = None
    point_to_plane: PointToPlane | None = None
    m3c2: M3C2 | None = None
    gates: tuple[Gate, ...] = ()
    notes: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    evidence: Evidence | None = field(default=None, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "evidence": None}

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the numbers do not say."""
        return (CAVEAT,) if self.render is None else (CAVEAT, LOOKS_CAVEAT)

    @property
    def passed(self) -> bool:
        """Whether every gate was."""
        return all(gate.passed for gate in self.gates)

    def _facts(self) -> dict[str, object]:
        c = self.centers
        told = {"source": self.source.path, "target": self.target.path, "Chamfer": c.symmetric.chamfer}
        matched = f"{c.source_to_target.at[0].fitness:.4g} within {c.thresholds[0]:.4g}"
        return {**told, "Hausdorff": c.symmetric.hausdorff, "matched": matched}

    def numbers(self) -> dict[str, Any]:
        """The tree of everything found, as the JSON document names it and gates ask for it."""
        return {name: getattr(self.centers if name in OF_CENTERS else self, name) for name in NUMBERS}

    def to_dict(self) -> dict[str, Any]:
        """The JSON document; numbers that do not exist are null."""
        tree = {
            name: asdict(part) if is_dataclass(part) and not isinstance(part, type) else part
            for name, part in self.numbers().items()
        }
        tiling = self.centers.tiling
        return document(
            SCHEMA,
            **tree,
            threshold_why=self.centers.threshold_why,
            gates=[asdict(gate) for gate in self.gates],
            engine=asdict(self.centers.engine),
            tiling=None if tiling is None else asdict(tiling),
            device=self.device,
            options=self.options,
            notes=[*self.notes, *self.caveats],
            timings_s=seconds(self.timings),
        )
