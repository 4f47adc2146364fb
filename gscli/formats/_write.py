"""What writes a cloud: how it is called, and what may become of rows on the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud
from ..progress import nothing


class Write(Protocol):
    """Write a cloud atomically.

    Args:
        path: the file or folder.
        cloud: what to write.
        overwrite: whether what is there may be replaced.
        index: (K,) rows to write, in this order, or an (N,) mask; None for all.
        advance: told of each number of rows of the cloud that are done with.
    """

    def __call__(
        self,
        path: str | os.PathLike[str],
        cloud: GaussianCloud,
        *,
        overwrite: bool = False,
        index: npt.NDArray[Any] | None = None,
        advance: Callable[[int], object] = nothing,
    ) -> None: ...


@dataclass(frozen=True)
class Edit:
    """What becomes of rows as they are written.

    Attributes:
        columns: whose values change.
        apply: changes (n,) rows, which are copies, in place, given their (n,) numbers in the cloud.
    """

    columns: frozenset[str]
    apply: Callable[[npt.NDArray[Any], npt.NDArray[Any]], None]

    def of(self, cloud: GaussianCloud, index: npt.NDArray[Any] | None = None) -> GaussianCloud:
        """A cloud, or its rows at `index`, edited in memory."""
        numbers = np.arange(len(cloud)) if index is None else index
        numbers = np.flatnonzero(numbers) if numbers.dtype == bool else numbers
        taken = self.told(cloud).take(numbers)
        self.apply(taken.rows, numbers)
        return taken

    def told(self, cloud: GaussianCloud) -> GaussianCloud:
        """A cloud that says which of its columns are edited."""
        header = cloud.header
        return replace(cloud, header=replace(header, edited=header.edited | self.columns))


class Stream(Protocol):
    """Write a cloud as `Write` does, holding a few megabytes of rows at a time.

    Args:
        edit: what becomes of the rows.
    """

    def __call__(
        self,
        path: str | os.PathLike[str],
        cloud: GaussianCloud,
        *,
        overwrite: bool = False,
        index: npt.NDArray[Any] | None = None,
        advance: Callable[[int], object] = nothing,
        edit: Edit | None = None,
    ) -> None: ...


class WriteBlocks(Protocol):
    """Write rows atomically as they come.

    Args:
        path: the file.
        like: a scene without its rows.
        count: how many rows there are.
        blocks: the rows.
        overwrite: whether an existing file may be replaced.
    """

    def __call__(
        self,
        path: str | os.PathLike[str],
        like: GaussianCloud,
        count: int,
        blocks: Iterable[npt.NDArray[Any]],
        *,
        overwrite: bool = False,
    ) -> None: ...
