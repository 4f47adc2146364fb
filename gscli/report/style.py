"""How pages look: light or dark as the system is, in its font, one column that fits a telephone and paper.

Every pair of colours that text is written in has a contrast of 4.5 to 1 at least.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..results.shown import markup

LIGHT = {
    "ink": "#1b2430",
    "soft": "#566273",
    "line": "#dbe1e8",
    "edge": "#8a96a5",
    "paper": "#ffffff",
    "tint": "#f4f6f9",
    "good": "#17673b",
    "bad": "#a3122a",
    "care": "#fdf6e6",
    "link": "#0b57a4",
}
DARK = {
    "ink": "#e4e9ef",
    "soft": "#9eaab8",
    "line": "#333d49",
    "edge": "#6d7988",
    "paper": "#1b222b",
    "tint": "#12171d",
    "good": "#6ccf95",
    "bad": "#ff8a94",
    "care": "#302a1c",
    "link": "#7db8f5",
}
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif'
_RULES = """
* { box-sizing: border-box; }
body { margin: 0; background: var(--tint); color: var(--ink); font: 16px/1.5 FONT; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 56px; }
h1 { font-size: 1.55rem; line-height: 1.25; margin: 0 0 6px; overflow-wrap: anywhere; }
h1 small { font-weight: 400; font-size: 1.1rem; color: var(--soft); }
h2 { font-size: 1.15rem; margin: 0 0 12px; }
h3 { font-size: .95rem; margin: 18px 0 8px; overflow-wrap: anywhere; }
p { margin: 0 0 10px; overflow-wrap: anywhere; } .soft { color: var(--soft); font-size: .9rem; }
a { color: var(--link); overflow-wrap: anywhere; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px; margin-top: 18px; }
.verdict { font-weight: 600; margin: 14px 0 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin-top: 18px; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px; }
.card b { display: block; font-size: 1.3rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.card small { color: var(--soft); font-size: .85rem; line-height: 1.35; display: block; margin-top: 4px; }
.histogram { width: 100%; height: auto; display: block; margin: 0 auto; }
.histogram.narrow { display: none; }
.histogram text { font: 13px FONT; fill: var(--ink); stroke: var(--paper); stroke-width: 4px;
  stroke-linejoin: round; paint-order: stroke; }
.histogram .tick { fill: var(--soft); }
.histogram .grid { stroke: var(--line); } .histogram .axis { stroke: var(--edge); }
.histogram .mark { stroke: var(--ink); stroke-width: 1.4; stroke-dasharray: 5 4; }
.bars rect { fill: var(--link); } td .bars { display: block; width: 120px; height: 28px; margin-left: auto; }
.tall { max-height: 38rem; overflow-y: auto; }
.tall th { position: sticky; top: 0; background: var(--paper); }
ul { margin: 0; padding-left: 1.2rem; font-size: .9rem; overflow-wrap: anywhere; }
section + h1 { margin-top: 44px; } .columns th, .columns td { padding: 4px 6px; }
.columns td:first-child { max-width: 16rem; overflow-wrap: anywhere; }
.views { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px; }
.views + .views, .views + .scale { margin-top: 14px; }
figure { margin: 0; } figcaption { color: var(--soft); font-size: .85rem; margin-top: 4px; }
.views img { width: 100%; height: auto; display: block; background: var(--tint);
  border: 1px solid var(--line); border-radius: 6px; }
.scale { max-width: 720px; margin: 0 0 8px; }
.scale div, .share { height: 14px; border-radius: 4px; print-color-adjust: exact;
  -webkit-print-color-adjust: exact; }
.scale p { position: relative; height: 1.4rem; margin: 2px 0 0; font-size: .85rem; color: var(--soft);
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.scale span { position: absolute; transform: translateX(-50%); } .scale .least { transform: none; }
.scale .top { transform: translateX(-100%); } .scale .threshold { color: var(--ink); font-weight: 600; }
.tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr));
  gap: 8px 36px; }
.tables > * { min-width: 0; } .tables > .wide { grid-column: 1 / -1; max-width: 720px; }
.wrap { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 8px; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th { color: var(--soft); font-weight: 600; }
td.deep { padding-left: 16px !important; color: var(--soft); }
.pairs td { vertical-align: top; white-space: nowrap; } .pairs td:first-child { white-space: normal;
  min-width: 12rem; overflow-wrap: anywhere; } .pairs small { display: block; color: var(--soft); }
.pairs .share { height: 6px; min-width: 72px; margin-top: 4px; }
.pairs img { float: left; margin: 2px 12px 2px 0; background: var(--tint); border-radius: 4px; }
.pairs th { vertical-align: bottom; }
.passed { color: var(--good); font-weight: 600; }
.MISSED, .failed { color: var(--bad); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 4px 18px; margin: 0;
  font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.caveat { border-left: 4px solid #c98f1b; padding: 6px 14px; background: var(--care);
  border-radius: 0 6px 6px 0; margin-top: 18px; }
@media (max-width: 640px) { main { padding: 18px 12px 40px; } section { padding: 14px; }
  h1 { font-size: 1.3rem; } table { font-size: .85rem; } th, td { padding: 4px 6px; white-space: nowrap; }
  td:first-child { white-space: normal; min-width: 6.5rem; }
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .card { padding: 10px 12px; } .views { grid-template-columns: minmax(0, 1fr); }
  .histogram.wide { display: none; } .histogram.narrow { display: block; }
  .pairs th { white-space: normal; } .pairs img { width: 44px; height: 44px; }
  .scale .more { display: none; } dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dd { margin-bottom: 6px; } }
@media print { body { background: none; font-size: 11pt; } main { max-width: none; padding: 0; }
  section, .card { border-color: #bbb; } .wrap, .tall { overflow: visible; max-height: none; }
  h2, h3 { break-after: avoid; } figure, tr, .card, .scale, .histogram, .views { break-inside: avoid; } }
"""


def _colours(named: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in named.items())


STYLE = (
    f"\n:root {{ color-scheme: light dark; {_colours(LIGHT)} }}"
    f"\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {_colours(DARK)} }} }}"
    + _RULES.replace("FONT", _FONT)
)


def scale(stops: Iterable[tuple[str, float]], ticks: Iterable[tuple[float, str, str]]) -> str:
    """A bar of colours with distances, or whatever else they are the colours of, below it.

    Args:
        stops: colours and where they are, from 0 to 1.
        ticks: where they are, what they say, and their kinds: ``least``, ``threshold``, ``more``, ``top``.
    """
    colours = ",".join(f"{colour} {100 * at:.1f}%" for colour, at in stops)
    told = "".join(
        f'<span class="{kind}" style="left:{100 * at:.1f}%">{text}</span>' for at, text, kind in ticks
    )
    bar = f'<div style="background:linear-gradient(90deg,{colours})"></div>'
    return f'<div class="scale">{bar}<p>{told}</p></div>'


def document(title: str, *body: str, icon: str | None = None) -> str:
    """A whole page: its title as text, what is in it as markup, and the address of a small picture of it."""
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{markup(title)}</title>",
            *([] if icon is None else [f'<link rel="icon" href="{icon}">']),
            f"<style>{STYLE}</style>\n</head>\n<body>\n<main>",
            *body,
            "</main>\n</body>\n</html>\n",
        )
    )
