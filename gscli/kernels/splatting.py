"""Gaussians into pictures in C: projected, ordered by depth, listed by tile and drawn tile by tile.

What a Gaussian is to a picture is of Kerbl et al. (2023): EWA projection with a low-pass filter of .3 square
pixels, alpha = min(.99, opacity exp(-q)) skipped below 1/255, a pixel finished once it would let 1e-4
through, one order of depth for the whole view. An X-ray adds up what each Gaussian takes from a ray (Zha et
al. 2024), down to 1e-5. Any number of threads and any width of vectors give the same bits.

One module: drawing, and sharing an image out, go over the same lists of the same records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt

from .._core import Kernel
from ..errors import UsageError
from . import parallel
from .splat_records import BOX, COLUMNS, SPLAT, VIEW, require_within
from .structured import as_bytes, is_spared, release_pages

Array = npt.NDArray[Any]

TILE = (32, 16)  # pixels, across and down
CHUNK = 1 << 15  # rows that a thread projects at a time
TILES = 16  # that a thread draws at a time
PAIRS = 1 << 26  # of a tile and a Gaussian in it, listed at a time
KEPT_PAIRS = 1 << 21  # of them, where the lists are kept for the next view
SHARED = 1 << 19  # of them, among which an image is shared out at a time
SHARES = 4  # channels of an image that is shared out
SHARE_UNIT = 1 << 22  # a share of one in an image of ones

_PROJECT = Kernel(
    "raster_project",
    *(np.uint8, COLUMNS, VIEW, int, int, SPLAT, np.uint32, BOX, np.uint32, np.int64, int),
)
_ORDER = Kernel("raster_order", np.int64, np.int64, int, np.uint32, int, np.uint32, np.uint32, int)
_LIST = Kernel("raster_list", np.uint32, int, SPLAT, BOX, int, int, int, np.uint32, np.uint32)
_DRAW = Kernel(
    "raster_draw",
    *(VIEW, SPLAT, np.uint32, np.uint32, np.uint32, int, int, int, int),
    *(np.float32, np.float32, np.float32, np.int32),
)
_SHARE = Kernel(
    "raster_share",
    *(VIEW, SPLAT, np.uint32, np.uint32, np.uint32, int, int, np.float32, np.int32),
)
_TALLY = Kernel("raster_tally", SPLAT, np.uint32, np.int32, int, int, np.float64, int)


class Room:
    """Arrays that a view is drawn in, for the next one: the system would clear others anew for each.

    Args:
        pairs: of a tile and a Gaussian in it, how many are listed at a time; None for `PAIRS`.
    """

    def __init__(self, pairs: int | None = None) -> None:
        self.pairs = PAIRS if pairs is None else pairs
        self._arrays: dict[str, Array] = {}

    def array(self, name: str, count: int, kind: Any) -> Array:
        """(count,) of what it held before, or of anything."""
        found = self._arrays.pop(name, None)
        if found is None:
            found = np.empty(count, kind)
        elif len(found) < count:
            del found  # before there are both
            found = np.empty(count + count // 8, kind)  # the next view may take a little more
        self._arrays[name] = found
        return found[:count]


@dataclass(frozen=True)
class Drawn:
    """What a view shows, float32.

    Attributes:
        color: (H, W, 3) on black; of an X-ray (0, 0, 3).
        alpha: (H, W), 0 to 1; of an X-ray the sums along the rays.
        depth: (H, W) of what is seen, weighted as its colour; 0 where nothing is. (0, 0) where it was not
            asked for.
    """

    color: npt.NDArray[np.float32]
    alpha: npt.NDArray[np.float32]
    depth: npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Seen:
    """The splats of a view in the order to draw them, and how many of them each tile has."""

    splats: Array
    boxes: Array
    order: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.int64]


def draw(rows: Array, columns: Array, view: Array, room: Room, *, depth: bool = False) -> Drawn:
    """One view of Gaussians.

    Args:
        rows: (N,) structured, read where they lie.
        columns: (1,) of `COLUMNS`: where in a row they are, float32 (positions float64 if ``wide``), and
            whether opacities are logits and scales logarithms (``raw``). Harmonics are channel by channel.
        view: (1,) of `VIEW`. room: in which nothing else is drawn meanwhile.
        depth: whether to find the depths too; not of an X-ray.

    Raises:
        ValueError: columns that are not within a row. UsageError: more Gaussians than can be told apart.
    """
    bands, picture = _Bands(view, _project(rows, columns, view, room), room), _empty(view, depth)
    for band in bands:
        _draw(band, picture, depth=depth)
    return picture


def weigh(rows: Array, columns: Array, view: Array, room: Room) -> tuple[Drawn, npt.NDArray[np.float64]]:
    """One view of Gaussians, and how many pixels each fills: what `share` gives of an image of ones, (N,).

    It is drawn once for both.
    """
    bands, picture, sums = (
        _Bands(view, _project(rows, columns, view, room), room),
        _empty(view),
        np.zeros(len(rows)),
    )
    for band in (piece for whole in bands for piece in whole.pieces()):
        weights = room.array("shares", len(band.ids), np.int32)
        _draw(band, picture, weights=weights)
        _TALLY(band.splats, band.ids, weights, len(band.ids), 1, sums, len(rows))
    return picture, sums


def share(
    rows: Array, columns: Array, view: Array, room: Room, image: Callable[[Drawn], Array]
) -> tuple[Drawn, npt.NDArray[np.float64]]:
    """One view of Gaussians, and an image shared out among them by what each puts into its pixels.

    The sums are of whole numbers, so that they are the same in any order.

    Args:
        rows, columns, view, room: as of `draw`; no X-ray.
        image: what to share out, given what was drawn: (H, W, `SHARES`) float32 from -1 to 1.

    Returns:
        The view; (N, `SHARES`) for each Gaussian the sum over all pixels of its weight there, that is its
        alpha times what those before it let through, times the image. A product is cut to 2^-22.
    """
    bands = _Bands(view, _project(rows, columns, view, room), room)
    drawn = _empty(view)
    for band in bands:
        _draw(band, drawn)
    given = shared(image(drawn), drawn.alpha.shape)
    sums = np.zeros((SHARES, len(rows)))  # of channels that are 0 no memory is touched
    for band in (piece for whole in bands for piece in whole.pieces()):
        shares = room.array("shares", SHARES * len(band.ids), np.int32)
        parallel.for_each(
            lambda part, band=band, shares=shares: _SHARE(*band.drawn(part), given, shares),  # type: ignore[misc]
            band.parts,
        )
        _TALLY(band.splats, band.ids, shares, len(band.ids), SHARES, sums, len(rows))
    return drawn, sums.T


def shared(image: Array, size: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """An image that is to be shared out, as kernels take it.

    Raises:
        ValueError: not one of `SHARES` channels, of this size and from -1 to 1.
    """
    given = np.ascontiguousarray(image, np.float32)
    if given.shape != (*size, SHARES) or not (np.abs(given) <= 1).all():
        raise ValueError(f"an image that is not one of {SHARES} channels from -1 to 1")
    return given


def _empty(view: Array, depth: bool = False) -> Drawn:
    """A picture that nothing is drawn in yet."""
    width, height, xray = (int(view[name][0]) for name in ("width", "height", "xray"))
    return Drawn(
        np.empty((0, 0, 3) if xray else (height, width, 3), np.float32),
        np.empty((height, width), np.float32),
        np.empty((height, width) if depth else (0, 0), np.float32),
    )


def _draw(
    band: _Band, picture: Drawn, *, depth: bool = False, weights: npt.NDArray[np.int32] | None = None
) -> None:
    """Draw a band; with `weights`, (ids,), find those too, in parts of `SHARE_UNIT`."""
    given = np.empty(0, np.int32) if weights is None else weights
    out = (picture.color, picture.alpha, picture.depth, given)
    asked = int(depth), int(weights is not None)
    parallel.for_each(lambda part: _DRAW(*band.drawn(part), *asked, *out), band.parts)


@dataclass(frozen=True)
class _Band:
    """Lines of tiles, and which splats are in each.

    Attributes:
        ids: of splats, nearest first; those of tile t, numbered in the whole picture, are ids[starts[t] :
            starts[t + 1]]. tiles: of these lines, those with the longest lists first.
    """

    view: Array
    splats: Array
    ids: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.uint32]
    tiles: npt.NDArray[np.uint32]

    @property
    def parts(self) -> list[slice]:
        """Of `tiles`, each for a thread at a time."""
        return parallel.blocks(len(self.tiles), TILES)

    def pieces(self) -> Iterator[_Band]:
        """The same tiles in the order of the picture, each time of about `SHARED` pairs."""
        first, stop = int(self.tiles.min()), int(self.tiles.max()) + 1
        while first < stop:
            start = int(self.starts[first])
            last = int(np.searchsorted(self.starts[: stop + 1], start + SHARED, side="right")) - 1
            last = min(max(last, first + 1), stop)
            ids = self.ids[start : int(self.starts[last])]
            starts = self.starts.clip(start, start + len(ids)) - np.uint32(start)
            tiles = self.tiles[(self.tiles >= first) & (self.tiles < last)]
            yield replace(self, ids=ids, starts=starts, tiles=tiles)
            first = last

    def drawn(self, part: slice) -> tuple[Any, ...]:
        """What kernels that draw take first."""
        return (self.view, self.splats, self.ids, self.starts, self.tiles, part.start, part.stop)


class _Bands:
    """The tiles of a picture, a band of lines at a time, so that lists stay small. One alone is made once."""

    def __init__(self, view: Array, seen: _Seen, room: Room) -> None:
        self.view, self._seen, self._room = view, seen, room
        self._across = -(-int(view["width"][0]) // TILE[0])
        self._pairs = np.zeros(len(seen.counts) + 1, np.int64)  # before each tile
        np.cumsum(seen.counts, out=self._pairs[1:])
        self._whole: _Band | None = None

    def __iter__(self) -> Iterator[_Band]:
        if self._whole is not None:
            yield self._whole
            return
        lines, top = self._pairs[:: self._across], 0
        down = len(lines) - 1
        while top < down:
            bottom = max(
                top + 1, int(np.searchsorted(lines, lines[top] + self._room.pairs, side="right")) - 1
            )
            band = self._band(top, bottom)
            if (top, bottom) == (0, down):
                self._whole = band
            yield band
            top = bottom

    def _band(self, top: int, bottom: int) -> _Band:
        """The lists of the tiles in these lines of tiles."""
        seen, pairs, across = self._seen, self._pairs, self._across
        first, last = top * across, bottom * across
        total = int(pairs[last] - pairs[first])
        if total >= 1 << 32:
            raise UsageError("more Gaussians fill the picture than can be drawn at once")
        starts = (
            (pairs - pairs[first]).clip(0, total).astype(np.uint32)
        )  # tiles have the numbers of the whole picture
        following, ids = starts[:-1].copy(), self._room.array("ids", total, np.uint32)
        lines, threads = pairs[first : last + 1 : across] - pairs[first], parallel.threads()
        cuts = np.searchsorted(lines, total * np.arange(1, threads) / threads)
        parts = [top, *(top + np.minimum(cuts, bottom - top)).tolist(), bottom]

        def list_lines(part: int) -> None:
            here = (across, parts[part], parts[part + 1])
            _LIST(seen.order, len(seen.order), seen.splats, seen.boxes, *here, following, ids)

        parallel.for_each(list_lines, range(threads))
        order = np.argsort(-np.diff(starts[first : last + 1].astype(np.int64)), kind="stable")
        return _Band(self.view, seen.splats, ids, starts, (first + order).astype(np.uint32))


def _project(rows: Array, columns: Array, view: Array, room: Room) -> _Seen:
    count, stride = len(rows), rows.dtype.itemsize
    require_within(columns, stride)
    if count >= 1 << 32:
        raise UsageError(f"{count:,} Gaussians are too many to be drawn at once")
    tiles = -(-int(view["width"][0]) // TILE[0]) * -(-int(view["height"][0]) // TILE[1])
    splats, boxes = room.array("splats", count, SPLAT), room.array("boxes", count, BOX)
    keys = room.array("keys", count, np.uint32)
    chunks = parallel.blocks(count, CHUNK)
    firsts = np.array([chunk.start for chunk in chunks], np.int64)
    seen = np.zeros(len(chunks), np.int64)
    flat, spared = as_bytes(rows), is_spared(rows)
    tallies: SimpleQueue[npt.NDArray[np.uint32]] = SimpleQueue()  # each at work in one thread at a time
    every = [np.zeros(tiles + 1, np.uint32) for _ in range(min(parallel.threads(), max(1, len(chunks))))]
    for tally in every:
        tallies.put(tally)

    def project(place: int) -> None:
        tally, chunk = tallies.get(), chunks[place]
        _PROJECT(flat, columns, view, chunk.start, chunk.stop, splats, keys, boxes, tally, seen, place)
        tallies.put(tally)
        if spared:
            release_pages(rows[chunk])

    parallel.for_each(project, range(len(chunks)))
    total = int(seen.sum())
    order, spare = (room.array(name, 2 * total, np.uint32).reshape(2, total) for name in ("order", "spare"))
    in_order = not view["xray"][0]
    _ORDER(firsts, seen, len(chunks), keys, int(in_order), order, spare, total)
    counts: npt.NDArray[np.int64] = np.array(every, np.int64).sum(0)[1:]
    return _Seen(splats, boxes, spare[0] if in_order else order[0], counts)
