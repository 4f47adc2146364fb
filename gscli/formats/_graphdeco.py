"""Checkpoints of the 3DGS reference code and of those that kept its layout (2DGS, mip-splatting, LangSplat,
Feature 3DGS).

``(capture, iteration)`` with a capture of twelve: active SH degree, positions, f_dc (N, 1, 3),
f_rest (N, K, 3), scaling (N, 3), or (N, 2) in 2DGS, rotation, opacity (N, 1), and six of optimiser
and densification state, which is no part of a cloud. Kerbl et al. 2023, Huang et al. 2024. A capture of
thirteen has a feature of each point more: (N, 3) after the opacity in LangSplat (Qin et al. 2024), and
(N, 1, D) at the end in Feature 3DGS (Zhou et al. 2024).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import files
from ..errors import InputError
from ._model import Model, gaussians, shape_of


def capture(path: Path, saved: Any) -> Model | None:
    """The model of one capture; None if `saved` is of another kind.

    Raises:
        InputError: a Scaffold-GS capture, whose Gaussians only its networks can produce.
    """
    if not isinstance(saved, tuple | list):
        return None
    if len(saved) == 10 and len(shape_of(saved[1]) or ()) == 3:
        raise InputError(
            "is a Scaffold-GS checkpoint: anchors, from which networks make the Gaussians",
            path=path,
            remedy="export the scene to PLY with its own code",
        )
    if len(saved) not in (12, 13) or type(saved[0]) is not int:
        return None
    features = {}
    if len(saved) == 13:
        of_language = len(shape_of(saved[7]) or ()) > 1
        features = {"language_feature": saved[7]} if of_language else {"semantic_feature": saved[12]}
    model = gaussians(
        path,
        xyz=saved[1],
        f_dc=saved[2],
        f_rest=saved[3],
        scale=saved[4],
        rotation=saved[5],
        opacity=saved[6],
        active_degree=saved[0],
        extra=features,
    )
    if _is_mip(path):
        model.notes.append(
            "a mip-splatting checkpoint holds no filter_3D: its training code computes it from the cameras"
        )
    return model


def _is_mip(path: Path) -> bool:
    """Whether the options beside the checkpoint name mip-splatting's own."""
    options = path.parent / "cfg_args"
    try:
        with files.open_regular(options) as stream:
            return b"kernel_size=" in stream.read(1 << 16)
    except (OSError, InputError):
        return False
