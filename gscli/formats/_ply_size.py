"""How many bytes the body of a PLY file has, and how many its header promises."""

from __future__ import annotations

from ..errors import InputError
from ._ply_header import PlyHeader


def require_room(header: PlyHeader, body: int) -> None:
    """Refuse, before any row is made room for, a body of fewer bytes than its rows take at least.

    Raises:
        InputError: it holds fewer.
    """
    text = header.encoding == "ascii"  # at least a digit and a space each, but for the last
    least = sum(e.count * (2 * len(e.properties) if text else e.least_bytes) for e in header.elements) - text
    if body < least:
        exact = not text and not any(e.has_lists and e.count for e in header.elements)
        raise wrong_size(body, least, exact=exact)


def wrong_size(found: int, promised: int, *, exact: bool) -> InputError:
    """A body of another number of bytes than its header promises, or of fewer than at least that."""
    least = "" if exact else "at least "
    return InputError(
        f"its body holds {found:,} bytes where its header promises {least}{promised:,}",
        remedy="copy or download it again" if found < promised else "check that its writer knows the format",
    )
