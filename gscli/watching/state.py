"""What a watch remembers beside its event file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..errors import InputError, UsageError
from ..files import writing
from .drawing import Settled

SUBFOLDER = "gscli"  # of the TensorBoard folder: one live event file per folder
STATE = "watch.json"


@dataclass
class State:
    """What was measured last, kept beside the event file so that a restart goes on from there.

    Attributes:
        step: the last step, and `path` of it the file (of one run, to compare the next one with).
        drawing: what drawing has settled; None where nothing was drawn.
    """

    file: Path | None
    about: dict[str, Any]
    step: int | None = None
    path: str | None = None
    drawing: Settled | None = None

    @classmethod
    def open(
        cls,
        tensorboard: str | os.PathLike[str] | None,
        runs: list[str],
        reference: str | os.PathLike[str] | None,
        threshold: float,
        drawn: dict[str, Any] | None = None,
    ) -> State:
        about: dict[str, Any] = {
            "runs": [os.path.realpath(run) for run in runs],
            "reference": None if reference is None else os.path.realpath(reference),
            "threshold": threshold,
        }
        if drawn is not None:
            about["render"] = json.loads(json.dumps(drawn))  # as it is read again
        if tensorboard is None:
            return cls(None, about)
        memory = cls(Path(tensorboard) / SUBFOLDER / STATE, about)
        assert memory.file is not None
        if memory.file.exists():
            files.require_readable(memory.file)
            try:
                known = json.loads(memory.file.read_text())
                same = known["about"] == about
                memory.step, memory.path = int(known["step"]), known["path"]
                if "drawing" in known:
                    memory.drawing = Settled.from_dict(known["drawing"])
            except (ValueError, KeyError, TypeError, UsageError) as error:
                raise InputError(f"is damaged ({error})", path=memory.file, remedy="delete it") from None
            if not same:
                raise UsageError(
                    "other runs or another threshold, or other views, were watched into this folder",
                    path=tensorboard,
                    remedy="give each watch a folder of its own",
                )
        return memory

    def save(self) -> None:
        if self.file is not None:
            content: dict[str, Any] = {"about": self.about, "step": self.step, "path": self.path}
            if self.drawing is not None:
                content["drawing"] = self.drawing.to_dict()
            with writing.replacing(self.file, overwrite=True) as stream:
                stream.write(json.dumps(content).encode())
