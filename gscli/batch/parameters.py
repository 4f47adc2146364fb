"""What parameters mean to more than one operation of a batch."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from ..errors import InputError, WriteRefused
from .operation import Parameters

if TYPE_CHECKING:
    from ..formats import Source


def with_grid(scene: str, parameters: Parameters) -> Parameters:
    """The parameters, with a relative grid file as the one in the scene's folder: nowhere else is near."""
    name = parameters.get("grid_file")
    if name is None or os.path.isabs(name):
        return parameters
    if not os.path.isdir(scene):
        raise InputError("no such grid file", path=name, remedy="check the path")
    return {**parameters, "grid_file": os.path.join(scene, name)}


def suffix_of(scene: Source) -> str:
    """What draws of a scene end in, for folders that cannot be read as well."""
    try:
        return scene.suffix
    except InputError:  # this input alone will fail, and say why
        return "/"


@cache
def writable_suffix(to: str, allow_lossy: bool) -> str:
    """The suffix that `to` means, if files of that format can be written here and may be."""
    from ..convert import written_as

    suffix, form = written_as(to)
    form.require(to)
    if form.writer is not None and form.writer.lossy and not allow_lossy:
        raise WriteRefused(f"`to` {to} always loses precision", remedy="add `allow_lossy=True`")
    return suffix
