"""A scan of an E57 file by its XML: its columns, how its colours are scaled, and where its pose puts it."""

from __future__ import annotations

import math
import re
from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import fields
from ..containers.e57_process import Wanted
from ..containers.e57_xml import Element
from ..kernels import quaternions
from ..kernels.elementary import sine_and_cosine
from ._place import Place

Array = npt.NDArray[Any]
CARTESIAN = ("cartesianX", "cartesianY", "cartesianZ")
SPHERICAL = ("sphericalRange", "sphericalAzimuth", "sphericalElevation")
WHICH = "scan"  # the column that tells which scan of several a point is from
_NORMAL = ("nor:normalX", "nor:normalY", "nor:normalZ")
_COLOURS = ("colorRed", "colorGreen", "colorBlue")
_INTEGERS = tuple(np.dtype(kind) for kind in ("u1", "i1", "u2", "i2", "u4", "i4", "i8"))


class Field(NamedTuple):
    """How values are stored: as floats, or as integers that a scale and then an offset go to."""

    stored: np.dtype[Any]
    scale: float = 1.0
    offset: float = 0.0

    @property
    def kind(self) -> np.dtype[Any]:
        """The type that holds its values."""
        return self.stored if (self.scale, self.offset) == (1, 0) else np.dtype(np.float64)

    def values(self, stored: Array) -> Array:
        """What stored values mean."""
        if self.kind == self.stored:
            return stored
        found: Array = stored.astype(np.float64) * self.scale + self.offset
        return found


@dataclass(frozen=True)
class Scan:
    """What the XML says of a scan.

    Attributes:
        number: which of the file. name: as the file has it; empty where it has none.
        count: how many points it claims.
        fields: by their names. left: the names of those that are no numbers.
        around: three fields that say where its points are.
        colours: by field, the values that are black and white; empty where the file does not say.
        place: where its pose puts it; None where that is where it is.
    """

    number: int
    name: str
    count: int
    fields: dict[str, Field]
    left: tuple[str, ...]
    around: tuple[str, ...]
    colours: dict[str, tuple[float, float]]
    place: Place | None

    @classmethod
    def of(cls, number: int, element: Element) -> Scan:
        """The scan that an element of ``data3D`` describes.

        Raises:
            ValueError: it has no positions, or numbers that make no sense.
        """
        points, prototype = element.child("points"), element.child("points", "prototype")
        if points is None or prototype is None:
            raise ValueError(f"scan {number} without points")
        bits, found, left = 0, {}, []
        for each in prototype.children:
            field, width = _field(each)
            bits += width
            if field is None:
                left.append(each.name)
            else:
                found[each.name] = field
        around = next((names for names in (CARTESIAN, SPHERICAL) if found.keys() >= set(names)), None)
        if around is None:
            raise ValueError(f"scan {number} without positions")
        count, name = int(points.attributes["recordCount"]), element.child("name")
        if not 0 <= count < 1 << 63:
            raise ValueError(f"scan {number} of a count of points that makes no sense")
        if count and not bits:
            raise ValueError(f"scan {number} whose points are all alike, which its library does not read")
        colours = _limits(element, prototype) if found.keys() >= set(_COLOURS) else {}
        said = "" if name is None else " ".join(name.text.split())
        return cls(number, said, count, found, tuple(left), around, colours, _place(element, number))

    @cached_property
    def columns(self) -> dict[str, str]:
        """By field the name of its column, but for those that say where points are, and whether."""
        known = dict(zip(_COLOURS, fields.RGB, strict=True)) if self.colours else {}
        known |= dict(zip(_NORMAL, fields.NORMAL, strict=True)) if self.fields.keys() >= set(_NORMAL) else {}
        taken = {*fields.POSITION, *fields.NORMAL, *fields.RGB, WHICH}  # which mean something
        done = {*known, *self.around, self.state}
        for name in self.fields:
            if name not in done:
                called = _snake(name.rpartition(":")[2])
                called = called if called not in taken else _snake(name.replace(":", "_"))
                while called in taken:
                    called += "_"
                known[name] = called
                taken.add(called)
        return known

    @property
    def state(self) -> str:
        """The field that says which points have a position; empty where all have."""
        name = f"{'cartesian' if self.around == CARTESIAN else 'spherical'}InvalidState"
        return name if name in self.fields and self.fields[name].kind.kind in "iu" else ""

    @property
    def exact(self) -> bool:
        """Whether float32 holds its positions."""
        singles = all(self.fields[name].kind == np.float32 for name in self.around)
        return self.around == CARTESIAN and singles and self.place is None

    @property
    def wide(self) -> bool:
        """Whether its colours are integers of 16 bits, all of which it uses."""
        whole = all(self.fields[name].kind.kind in "iu" for name in self.colours)
        return whole and set(self.colours.values()) == {(0.0, 65535.0)}

    def wanted(self, columns: Set[str]) -> Wanted:
        """What is to be read of it for some columns."""
        called = self.columns
        names = [*self.around, *(name for name in called if called[name] in columns)]
        names += [self.state] * bool(self.state)
        return Wanted(self.number, [(name, self.fields[name].stored.str) for name in names], self.state)

    def fill(self, stored: Array, rows: Array) -> None:
        """Put points as they are stored into zeroed rows, and where the pose has them."""
        if self.around == CARTESIAN:
            xyz = [self._values(stored, name) for name in CARTESIAN]
        else:
            reach, turn, rise = (self._values(stored, name) for name in SPHERICAL)
            (north, east), (up, level) = map(sine_and_cosine, (turn, rise))
            xyz = [reach * level * east, reach * level * north, reach * up]
        for axis, values in zip(fields.POSITION, xyz, strict=True):
            rows[axis] = values
        for name, column in self.columns.items():
            if column in (rows.dtype.names or ()):
                rows[column] = self._coloured(name, self._values(stored, name), rows.dtype[column])
        if self.place is not None:
            self.place.put(rows, None, normals=fields.NORMAL[0] in (rows.dtype.names or ()))

    def _values(self, stored: Array, name: str) -> Array:
        return self.fields[name].values(stored[name])

    def _coloured(self, name: str, values: Array, kind: np.dtype[Any]) -> Array:
        """Colours between black and white as integers of a type; other values as they are."""
        if name not in self.colours:
            return values
        low, high = self.colours[name]
        share = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1)
        out: Array = np.rint(np.iinfo(kind).max * np.nan_to_num(share))
        return out


def _field(element: Element) -> tuple[Field | None, int]:
    """How a field is stored, None for what is no number; and how many bits each value takes.

    Raises:
        ValueError: its numbers make no sense.
    """
    if element.kind == "Float":
        single = element.attributes.get("precision") == "single"
        return Field(np.dtype(np.float32 if single else np.float64)), 32 if single else 64
    if element.kind not in ("Integer", "ScaledInteger"):
        return None, 0
    low, high = element.limits()
    stored = next(k for k in _INTEGERS if np.iinfo(k).min <= low and high <= np.iinfo(k).max)
    scale, offset = (1.0, 0.0) if element.kind == "Integer" else (element.scale, element.offset)
    if not (math.isfinite(scale + offset) and scale):
        raise ValueError(f"{element.name} in steps of {scale:g} from {offset:g}")
    return Field(stored, scale, offset), (high - low).bit_length()


def _limits(scan: Element, prototype: Element) -> dict[str, tuple[float, float]]:
    """By field of colour, the values of black and white: those of the scan, or else of the field."""
    found = {}
    for name in _COLOURS:
        stated = [scan.child("colorLimits", f"{name}{end}") for end in ("Minimum", "Maximum")]
        low, high = (0.0 if each is None else each.number for each in stated)
        if not low < high:
            of = prototype.child(name)
            assert of is not None
            low, high = (
                float(of.attributes.get(end, "nan")) * of.scale + of.offset for end in ("minimum", "maximum")
            )
        if not (low < high and math.isfinite(high - low) and high - low < 1e30):
            return {}
        found[name] = (low, high)
    return found


def _place(scan: Element, number: int) -> Place | None:
    """Where the pose of a scan puts it, turned, then moved; None where that changes nothing."""
    if scan.child("pose") is None:
        return None

    def numbers(what: str, names: str) -> list[float]:
        found = [scan.child("pose", what, name) for name in names]
        return [0.0 if each is None else each.number for each in found]

    x, y, z = numbers("translation", "xyz")
    turn = numbers("rotation", "wxyz") if scan.child("pose", "rotation") else [1.0, 0.0, 0.0, 0.0]
    length = math.sqrt(sum(each * each for each in turn))
    if not (math.isfinite(x + y + z) and math.isfinite(length) and length > 0):
        raise ValueError(f"scan {number} has a pose that makes no sense")
    unit = np.array(turn) / length
    linear = quaternions.matrices(unit[None])[0]
    level = None if unit[1:].any() else (1.0, 1.0, 1.0)
    if level and not (x or y or z):
        return None
    return Place(linear, np.array([x, y, z]), level, linear, np.ones(3))


def _snake(name: str) -> str:
    """``return_index`` of ``returnIndex``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
