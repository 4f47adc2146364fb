"""A batch written down: a YAML file of option names and values.

    operation: resample
    inputs: scenes/**/*.ply          # or a list
    out-dir: half
    method: [half-density, one-per-grid]
    seed: 1

Values are text exactly as written, as on a command line: YAML's own ideas of numbers, dates and
truth (``1:30`` is 90, ``no`` is false) would only come between.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ..errors import InputError, did_you_mean
from .operations import NAMES

SUFFIXES = (".yaml", ".yml")
MAX_BYTES = 1 << 17  # the parser of YAML takes up to 13 s for a megabyte


@dataclass(frozen=True)
class Job:
    """What a job file says.

    Attributes:
        path: the file.
        operation: what to run.
        settings: every other key; a text, or a list of texts.
        lines: the line of each key.
    """

    path: str
    operation: str
    settings: dict[str, str | list[str]]
    lines: dict[str, int]

    @property
    def folder(self) -> str:
        """What the file's paths are relative to."""
        return os.path.dirname(os.path.abspath(self.path))

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Refuse keys that nothing would read, with the name that was probably meant."""
        for key in self.settings:
            if key not in known:
                what = f"line {self.lines[key]}: unknown key {key!r}"
                raise InputError(what, path=self.path, remedy=did_you_mean(key, sorted(known)))


def read(path: str) -> Job:
    """Read a job file. ``${NAME}`` is expanded only where the file says ``expand-env: true``.

    Raises:
        InputError: unreadable, no YAML, or not a plain mapping of names to texts and lists of texts.
    """
    import yaml

    from ..containers.bytes import read_small  # NumPy, which no help may import

    text = read_small(path, MAX_BYTES)
    try:
        root = yaml.compose(text.decode(), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"is no YAML: {error}", path=path) from None
    except RecursionError:
        raise InputError(
            "is no mapping of option names to texts: it is nested too deeply", path=path
        ) from None
    if not isinstance(root, yaml.MappingNode):
        raise InputError("is no mapping of option names to values", path=path)
    settings: dict[str, str | list[str]] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in root.value:
        key, line = _text(key_node, path), key_node.start_mark.line + 1
        if key in settings:
            raise InputError(f"line {line}: {key!r} is there twice", path=path)
        many = isinstance(value_node, yaml.SequenceNode)
        settings[key] = [_text(v, path) for v in value_node.value] if many else _text(value_node, path)
        lines[key] = line
    expand = settings.pop("expand-env", "false")
    if expand not in ("true", "false"):
        raise InputError(f"line {lines['expand-env']}: expand-env is true or false", path=path)
    if expand == "true":
        settings = {key: _expanded(value, path, lines[key]) for key, value in settings.items()}
    operation = settings.pop("operation", None)
    if not isinstance(operation, str):
        raise InputError("says no operation", path=path, remedy="add a line such as `operation: resample`")
    if operation not in NAMES:
        what = f"line {lines['operation']}: no such operation {operation!r}"
        raise InputError(what, path=path, remedy=did_you_mean(operation, sorted(NAMES)))
    for key, value in settings.items():
        _refuse_as_a_shell_would(key, value, path, lines[key])
    return Job(path, operation, settings, lines)


def _refuse_as_a_shell_would(key: str, value: str | list[str], path: str, line: int) -> None:
    """Refuse what would not reach a command as it is written: nothing at all, and ``~``."""
    texts = [value] if isinstance(value, str) else value
    if not texts or "" in texts:
        raise InputError(f"line {line}: {key} is empty", path=path, remedy="leave it out, or give a value")
    if any(text == "~" or text.startswith("~/") for text in texts):
        raise InputError(
            f"line {line}: ~ is not expanded here",
            path=path,
            remedy="write ${HOME}, and expand-env: true, or ./~ for a folder of that name",
        )


def _text(node: Any, path: str) -> str:
    import yaml

    if not isinstance(node, yaml.ScalarNode) or (node.value == "" and node.style is None):
        line = node.start_mark.line + 1
        raise InputError(f"line {line}: expected a text, a number, or a list of them", path=path)
    return str(node.value)


def _expanded(value: Any, path: str, line: int) -> Any:
    if isinstance(value, list):
        return [_expanded(v, path, line) for v in value]

    def look_up(match: re.Match[str]) -> str:
        name = match[1]
        if name not in os.environ:
            raise InputError(f"line {line}: ${{{name}}} is not set", path=path, remedy=f"export {name}=...")
        return os.environ[name]

    return re.sub(r"\$\{(\w+)\}", look_up, value)
