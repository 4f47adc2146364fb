"""The XML of E57 files: elements in memory, of a document that defines nothing and refers to nothing.

Parsers that follow what a document refers to read other files with it, and entities unfold without end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from ..errors import InputError

MAX_XML = 8 << 20  # bytes, of two thousand scans
MOST_ELEMENTS, MOST_CHILDREN, MOST_ATTRIBUTES, MOST_TEXT, DEEPEST = 200_000, 512, 64, 1 << 16, 64
_ELSEWHERE = ("schemaLocation", "noNamespaceSchemaLocation")  # attributes that lead out of the document


@dataclass(slots=True)
class Element:
    """An element.

    Attributes:
        name: with its prefix. attributes: by their names. text: what it holds beside its children.
    """

    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def child(self, *names: str) -> Element | None:
        """The element that is reached by names, one below the other; None where there is none."""
        found: Element | None = self
        for name in names:
            found = next((one for one in found.children if one.name == name), None) if found else None
        return found

    @property
    def kind(self) -> str:
        """Its type, such as ``Float`` or ``Structure``."""
        return self.attributes.get("type", "")

    @property
    def number(self) -> float:
        """The value of a number; one that is not said is 0.

        Raises:
            ValueError: it is none.
        """
        if self.kind not in ("Integer", "ScaledInteger", "Float"):
            raise ValueError(f"{self.name} is no number")
        return float(self.text.strip() or 0) * self.scale + self.offset

    @property
    def scale(self) -> float:
        """What a stored integer is to be multiplied by."""
        return float(self.attributes.get("scale", 1))

    @property
    def offset(self) -> float:
        """What is then to be added."""
        return float(self.attributes.get("offset", 0))

    def limits(self) -> tuple[int, int]:
        """The least and the largest integer that may be stored.

        Raises:
            ValueError: they make no sense.
        """
        low = int(self.attributes.get("minimum", -(1 << 63)))
        high = int(self.attributes.get("maximum", (1 << 63) - 1))
        if not -(1 << 63) <= low <= high < 1 << 63:
            raise ValueError(f"{self.name} has limits of {low:.3g} and {high:.3g}")
        return low, high


def parsed(path: Path, text: bytes) -> Element:
    """The elements of a document.

    Raises:
        InputError: it is none as E57 files have it: it names a document type, a schema or an encoding.
        ValueError: it is no XML.
    """
    top = Element("", {})
    around, count = [top], 0

    def refuse(what: str) -> None:
        raise InputError(f"has XML with {what}, which is not read", path=path)

    def declared(version: str, encoding: str | None, standalone: int) -> None:
        if encoding is not None and encoding.upper() != "UTF-8":
            refuse(f"the encoding {encoding:.20}")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        above = around[-1]
        if (
            count > MOST_ELEMENTS
            or (len(above.children) >= MOST_CHILDREN and above.kind != "Vector")
            or len(attributes) > MOST_ATTRIBUTES
            or len(around) > DEEPEST
        ):
            refuse("more in it than any scene has")
        if any(each.rpartition(":")[2] in _ELSEWHERE for each in attributes):
            refuse("a schema elsewhere")
        above.children.append(element := Element(name, attributes))
        around.append(element)

    def characters(piece: str) -> None:
        if len(around[-1].text) < MOST_TEXT:
            around[-1].text += piece

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.XmlDeclHandler = declared
    parser.StartDoctypeDeclHandler = lambda *_: refuse("a document type")
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: around.pop()
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(f"XML: {error}") from None
    return top.children[0]
