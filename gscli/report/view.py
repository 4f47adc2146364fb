"""`gscli.view.Viewed` as one page that needs nothing else: dragging turns it, where scripts run."""

from __future__ import annotations

import base64
import json
import os

from ..rendering.viewed import Viewed
from ..results.shown import counted, markup
from ..version import __version__
from . import numbers, parts
from .style import STYLE

_STYLE = """
.turn { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr));
  touch-action: pan-y; cursor: grab; user-select: none; -webkit-user-select: none; }
.turn:active { cursor: grabbing; }
.turn:focus-visible { outline: 3px solid #3b82d6; outline-offset: 4px; border-radius: 8px; }
.turn.one { max-width: 760px; margin: 0 auto; }
.turn img, .turn canvas, .sides img { width: 100%; height: auto; display: block; border-radius: 8px;
  border: 1px solid var(--line); }
.sides { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 8px; margin-top: 14px; }
.told { min-height: 1.6em; margin: 10px 0 0; font-variant-numeric: tabular-nums; }
button { font: inherit; color: inherit; background: var(--tint); border: 1px solid var(--line);
  border-radius: 8px; padding: 6px 14px; cursor: pointer; }
"""
_SCRIPT = """
const data = JSON.parse(document.getElementById("frames").textContent);
const table = document.querySelector(".turn"), told = document.querySelector(".told");
const button = document.querySelector("button");
const panels = [...table.querySelectorAll("img")].map((img, panel) => {
  const canvas = document.createElement("canvas");
  canvas.width = data.width; canvas.height = data.height;
  canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", img.alt);
  img.replaceWith(canvas);
  const frames = data.frames[panel].map(text => {
    const frame = new Image(); frame.src = "data:image/webp;base64," + text; return frame;
  });
  return {pen: canvas.getContext("2d"), frames};
});
let turn = 0, rise = 0, timer = null;
function show() {
  const number = Math.round(rise) * data.turns + ((Math.round(turn) % data.turns) + data.turns) % data.turns;
  for (const {pen, frames} of panels) {
    const frame = frames[number], paint = () => pen.drawImage(frame, 0, 0);
    frame.complete ? paint() : frame.addEventListener("load", show, {once: true});
  }
  if (data.psnr.length) {
    const decibels = data.psnr[number];
    told.textContent = decibels === null ? "no difference" : "PSNR " + decibels.toFixed(2) + " dB from here";
  }
}
function move(across, down) {
  turn -= across; rise = Math.min(data.rises - 1, Math.max(0, rise + down)); show();
}
table.addEventListener("pointerdown", event => {
  table.setPointerCapture(event.pointerId); event.preventDefault(); table.focus();
});
table.addEventListener("pointermove", event => {
  if (!table.hasPointerCapture(event.pointerId)) return;
  const wide = panels[0].pen.canvas.clientWidth;
  move(event.movementX / wide * data.turns, event.movementY / wide * data.rises);
});
table.addEventListener("keydown", event => {
  const step = {ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key];
  if (step) { event.preventDefault(); move(...step); }
});
button.hidden = false;
button.addEventListener("click", () => {
  if (timer) { clearInterval(timer); timer = null; } else timer = setInterval(() => move(-1, 0), 90);
  button.setAttribute("aria-pressed", timer !== null);
});
show();
"""


def write(path: str | os.PathLike[str], result: Viewed, *, overwrite: bool) -> None:
    """Write the page to a file, or to stdout for ``-``."""
    parts.write(path, page(result), overwrite=overwrite)


def page(result: Viewed) -> str:
    """The page as text."""
    names = [os.path.basename(each.path.rstrip("/")) or each.path for each in result.scenes]
    title = " and ".join(names)
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{markup(title)} · gscli view</title>",
            f"<style>{STYLE}{_STYLE}</style>\n</head>\n<body>\n<main>",
            f"<h1>{markup(title)}</h1>",
            '<p class="soft">Drag to turn, or use the arrow keys.</p>',
            f"<section>\n{_table(result, names)}\n</section>",
            f"<section>\n<h2>From four sides</h2>\n{_sides(result, names)}\n</section>",
            f"<section>\n<h2>What it is</h2>\n{_facts(result)}\n</section>",
            f'<script type="application/json" id="frames">{_frames(result)}</script>',
            f"<script>{_SCRIPT}</script>",
            "</main>\n</body>\n</html>\n",
        )
    )


def _table(result: Viewed, names: list[str]) -> str:
    titles = (
        [names[0]]
        if len(names) == 1
        else [names[0], f"{names[1]}, the reference", f"their difference, {result.brighter} times as bright"]
    )
    figures = "".join(
        f'<figure><img src="{_uri(panel[0])}" width="{result.width}" height="{result.height}" '
        f'alt="{markup(title)}"><figcaption>{markup(title)}</figcaption></figure>'
        for panel, title in zip(result.frames, titles, strict=True)
    )
    one = " one" if len(titles) == 1 else ""
    return (
        f'<div class="turn{one}" tabindex="0" role="group" aria-label="Turn with the arrow keys">'
        f"{figures}</div>\n"
        '<p class="told" aria-live="polite"></p>\n'
        '<button type="button" hidden aria-pressed="false">Turn by itself</button>\n'
        '<noscript><p class="soft">Without scripts it does not turn.</p></noscript>'
    )


def _sides(result: Viewed, names: list[str]) -> str:
    step = result.turns / 4
    sides = [result.frames[0][round(step * i)] for i in range(4)]
    pictures = "".join(
        f'<img src="{_uri(frame)}" loading="lazy" alt="{markup(names[0])}, side {i + 1} of 4">'
        for i, frame in enumerate(sides)
    )
    return f'<div class="sides">{pictures}</div>'


def _facts(result: Viewed) -> str:
    rows = []
    for number, each in enumerate(result.scenes):
        size = "" if each.bytes is None else f", {numbers.size(each.bytes)}"
        role = "scene" if number == 0 else "reference"
        rows.append((role, f"{each.path}: {counted(each.points, 'Gaussian')} ({each.format}{size})"))
    kind = "an X-ray" if result.xray else "colours"
    rows += [
        ("up", f"{result.up}; --up chooses another"),
        ("drawn", f"{kind}, {result.width} × {result.height} pixels, by {result.engine}"),
        ("cameras", result.cameras_sha256),
        ("gscli", __version__),
    ]
    return "<dl>" + "".join(f"<dt>{markup(a)}</dt><dd>{markup(b)}</dd>" for a, b in rows) + "</dl>"


def _frames(result: Viewed) -> str:
    packed = [[base64.b64encode(frame).decode("ascii") for frame in panel] for panel in result.frames]
    told = {
        **{"turns": result.turns, "rises": len(result.rises), "width": result.width, "height": result.height},
        **{"psnr": [None if value is None else round(value, 2) for value in result.psnr], "frames": packed},
    }
    return json.dumps(told, separators=(",", ":"))


def _uri(frame: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(frame).decode("ascii")


def summary(result: Viewed, path: str, *, verbose: bool = False) -> list[str]:
    """Lines for people: what was read, from where it was seen, what was written."""
    lines = [
        f"read     {each.path}: {counted(each.points, 'Gaussian')} ({each.format})" for each in result.scenes
    ]
    size = sum(len(frame) for panel in result.frames for frame in panel)
    views, pixels = counted(len(result.frames[0]), "view"), f"{result.width} x {result.height}"
    lines.append(f"drew     {views}, {pixels}, by {result.engine}")
    lines.append(f"up       {result.up}; --up chooses another")
    lines.append(f"wrote    {path}: {numbers.size(size * 4 // 3)}")
    lines += [f"note     {note}" for note in result.notes]
    lines.append(f"took     {numbers.duration(result.timings, verbose=verbose)}")
    return lines
