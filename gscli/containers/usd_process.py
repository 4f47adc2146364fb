"""The process that USD is read in, with OpenUSD's own library and bounds on its memory and time.

Other files that the scene refers to are not opened: references to them are taken out before it is composed.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

from . import bounded_process

SPLATS, POINTS = "ParticleField3DGaussianSplat", "Points"
MOST_PRIMS, MOST_SHOWN, MOST_LAYERS = 1_000_000, 1000, 1000  # more are no scene
_HALVES = "h"  # what the names of attributes in half precision end with
_ARRAYS = {
    SPLATS: ("positions", "orientations", "scales", "opacities", "radiance:sphericalHarmonicsCoefficients"),
    POINTS: ("points", "normals", "widths", "ids"),
}
_SHOWN = ("displayColor", "displayOpacity")  # the primvars that are attributes of every point
_HINTS = ("projectionModeHint", "sortingModeHint")
_UNSEEN = ("proxy", "guide")  # purposes


def main(source: str, folder: str, most: str, limit: str) -> int:
    """Take a USD file apart.

    Args:
        source: the file, whose name ends as its content has it.
        folder: where the results go.
        most: how many bytes its arrays may take.
        limit: how many bytes of address space this process may take.
    """
    bounded_process.enter(os.stat(source).st_size, int(limit))
    return bounded_process.tell(
        folder, lambda out: _Scene(source, out, int(most)).about(), lambda error: _line(error, source)
    )


def _line(error: Exception, source: str) -> str:
    """What went wrong, in a line: of errors of the library, that which comes after where they were raised."""
    said = " ".join(str(error).replace(f"{source}:", "line ").split())
    return (said.rpartition(" : ")[2] if "Error in" in said else said).strip("' ")[:160]


class _Scene:
    """A scene as it is composed, of one file, and what was taken of it."""

    def __init__(self, source: str, out: BinaryIO, most: int) -> None:
        from pxr import Sdf, Usd

        layer = Sdf.Layer.FindOrOpen(source)
        if layer is None:
            raise ValueError("no scene")
        self.out, self.most, self.at = out, most, 0
        self.outside, self._layers = _without_others(layer)  # held, or they would be read again as they were
        self.stage = Usd.Stage.Open(layer)
        inner = f"{layer.identifier}["
        for used in self.stage.GetUsedLayers():
            if not used.anonymous and used is not layer and not used.identifier.startswith(inner):
                raise ValueError("refers to other files")
        self.left: Counter[str] = Counter()
        self.varying = False

    def about(self) -> dict[str, Any]:
        """What the JSON says."""
        from pxr import Usd, UsdGeom

        prims: list[dict[str, Any]] = []
        variants = 0
        cache = UsdGeom.XformCache(Usd.TimeCode.EarliestTime())
        walk = iter(Usd.PrimRange.Stage(self.stage, Usd.TraverseInstanceProxies()))
        for number, prim in enumerate(walk):
            if number > MOST_PRIMS or len(prims) > MOST_SHOWN:
                raise ValueError(f"more than {MOST_PRIMS:,} prims, or {MOST_SHOWN:,} of splats or points")
            variants += bool(prim.GetVariantSets().GetNames())
            kind = str(prim.GetTypeName())
            if kind == "PointInstancer":
                walk.PruneChildren()
            if kind in _ARRAYS and _is_seen(prim):
                matrix = np.array(cache.GetLocalToWorldTransform(prim), np.float64).T
                self.varying |= _moves(prim)
                prims.append(self._prim(prim, kind) | {"matrix": matrix.ravel().tolist()})
            elif kind not in ("", "Xform", "Scope"):
                self.left[f"hidden {kind}" if kind in _ARRAYS else kind] += 1
        layer = self.stage.GetRootLayer()
        said_unit = layer.pseudoRoot.HasInfo("metersPerUnit")
        said = layer.customLayerData.get("gscli", {})
        return {
            "prims": prims,
            "up": str(UsdGeom.GetStageUpAxis(self.stage)),
            "unit": UsdGeom.GetStageMetersPerUnit(self.stage) if said_unit else None,
            "axes": str(said.get("axes", "")),
            "comments": [str(line) for line in said.get("comments", [])],
            "left": dict(self.left.most_common(8)),
            "outside": self.outside[:8],
            "variants": variants,
            "varying": self.varying,
        }

    def _prim(self, prim: Any, kind: str) -> dict[str, Any]:
        """Where its arrays are, by their names, those in half precision by the names of the others."""
        from pxr import UsdGeom

        arrays = {}
        for name in _ARRAYS[kind]:
            halves = [name + _HALVES] if kind == SPLATS else []
            for stored in (name, *halves):
                if (found := self._put(prim.GetAttribute(stored))) is not None:
                    arrays[name] = found
                    break
        own: dict[str, list[Any]] = {}
        for primvar in UsdGeom.PrimvarsAPI(prim).GetPrimvarsWithAuthoredValues():
            name = str(primvar.GetPrimvarName())
            about = primvar.GetAttr().GetCustomDataByKey("dtype")
            found = self._put(primvar)
            if found is not None:
                (arrays if name in _SHOWN else own)[name] = [*found, str(about or "")]
        degree = prim.GetAttribute("radiance:sphericalHarmonicsDegree")
        hints = {name: prim.GetAttribute(name) for name in _HINTS}
        return {
            "path": str(prim.GetPath()),
            "kind": kind,
            "arrays": arrays,
            "own": own,
            "degree": degree.Get() if degree else None,
            "hints": {
                name: str(hint.Get()) for name, hint in hints.items() if hint and hint.HasAuthoredValue()
            },
        }

    def _put(self, attribute: Any) -> list[Any] | None:
        """Append the values of an attribute, at the first of its times: where, of what type and shape."""
        from pxr import Usd

        if not attribute or not attribute.HasAuthoredValue():
            return None
        time = Usd.TimeCode.EarliestTime()
        flat = hasattr(attribute, "ComputeFlattened")
        self.varying |= attribute.ValueMightBeTimeVarying()
        value = attribute.ComputeFlattened(time) if flat else attribute.Get(time)
        if value is None or not type(value).__name__.endswith("Array"):
            return None
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" or array.ndim > 2:
            return None
        at, self.at = self.at, self.at + array.nbytes
        if self.at > self.most:
            raise ValueError(f"more than {self.most:,} bytes of arrays, which no scene of its size has")
        self.out.write(np.ascontiguousarray(array).data)
        return [at, array.dtype.str, list(array.shape)]


def _is_seen(prim: Any) -> bool:
    """Whether neither it nor a prim above it is hidden, and its purpose is to be seen."""
    purpose = ""
    while prim and not prim.IsPseudoRoot():
        if (shown := prim.GetAttribute("visibility")) and str(shown.Get()) == "invisible":
            return False
        said = prim.GetAttribute("purpose")
        if not purpose and said and said.HasAuthoredValue():
            purpose = str(said.Get())
        prim = prim.GetParent()
    return purpose not in _UNSEEN


def _moves(prim: Any) -> bool:
    """Whether it, or what is above it, moves in time."""
    from pxr import UsdGeom

    while prim and not prim.IsPseudoRoot():
        if (xform := UsdGeom.Xformable(prim)) and xform.TransformMightBeTimeVarying():
            return True
        prim = prim.GetParent()
    return False


def _without_others(root: Any) -> tuple[list[str], list[Any]]:
    """Take references to other files out of layers in memory, but for those to layers of one .usdz.

    Returns:
        The files, as the layers name them; the layers.
    """
    from pxr import Sdf

    package = f"{root.identifier}[" if str(root.identifier).endswith(".usdz") else None
    todo, seen, outside, layers = [root], {root.identifier}, set[str](), list[Any]()

    def is_outside(layer: Any, asset: str) -> bool:
        inner = Sdf.ComputeAssetPathRelativeToLayer(layer, asset)
        if package is None or not inner.startswith(package):
            outside.add(asset)
            return True
        if inner not in seen:
            seen.add(inner)
            if len(seen) > MOST_LAYERS:
                raise ValueError(f"more than {MOST_LAYERS:,} layers")
            with suppress(Exception):
                todo.append(Sdf.Layer.FindOrOpen(inner))
        return False

    def strip(layer: Any, path: Any) -> None:
        named = path.IsPrimPath() or path.IsPrimVariantSelectionPath()
        spec = layer.GetPrimAtPath(path) if named else None
        if spec is None:
            return
        for edits in (spec.referenceList, spec.payloadList):
            kinds = (edits.explicitItems, edits.addedItems, edits.prependedItems, edits.appendedItems)
            for item in {item for items in kinds for item in items}:
                if item.assetPath and is_outside(layer, item.assetPath):
                    edits.RemoveItemEdits(item)
        if spec.HasInfo("clips"):
            spec.ClearInfo("clips")
            outside.add("value clips")

    while todo:
        layer = todo.pop()
        if layer is None:
            continue
        layers.append(layer)
        layer.SetPermissionToEdit(True)
        for asset in [*layer.subLayerPaths]:
            if is_outside(layer, asset):
                layer.subLayerPaths.remove(asset)
        paths: list[Any] = []
        layer.Traverse(Sdf.Path.absoluteRootPath, paths.append)
        for path in paths:
            strip(layer, path)
    return sorted(outside), layers
