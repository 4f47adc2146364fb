"""How the pages look: dark on light, the system's font, one column that fits a telephone."""

STYLE = """
:root { color-scheme: light; --ink: #1d2733; --soft: #5b6776; --line: #dde3ea; --paper: #fff;
  --tint: #f5f7fa; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--tint); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 56px; }
h1 { font-size: 1.55rem; line-height: 1.25; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 12px; }
h3 { font-size: .95rem; margin: 18px 0 8px; }
p { margin: 0 0 10px; } .soft { color: var(--soft); font-size: .9rem; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px; margin-top: 18px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px;
  margin-top: 18px; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px; }
.card b { display: block; font-size: 1.3rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.card small { color: var(--soft); font-size: .85rem; }
.histogram { width: 100%; max-width: 900px; height: auto; display: block; margin: 0 auto; }
.histogram text { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  fill: var(--ink); }
.histogram .tick { fill: var(--soft); font-size: 13px; } .histogram .title { font-weight: 600; }
.histogram .label { font-size: 13px; }
.histogram .grid { stroke: var(--line); } .histogram .axis { stroke: #8a96a5; }
.histogram .mark { stroke: var(--ink); stroke-width: 1.4; stroke-dasharray: 5 4; }
.views { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px; }
.views + .views, .views + .scale { margin-top: 14px; }
figure { margin: 0; } figcaption { color: var(--soft); font-size: .85rem; margin-top: 4px; }
.views img { width: 100%; height: auto; display: block; background: var(--tint);
  border: 1px solid var(--line); border-radius: 6px; }
.scale { max-width: 520px; margin: 0 0 6px; }
.scale div { height: 14px; border-radius: 4px; } .scale p { display: flex; justify-content: space-between;
  margin: 2px 0 0; font-size: .85rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr));
  gap: 8px 36px; }
.tables > .wide { grid-column: 1 / -1; max-width: 720px; }
.wrap { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 8px; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th { color: var(--soft); font-weight: 600; }
td.deep { padding-left: 16px !important; color: var(--soft); }
.passed { color: #17673b; font-weight: 600; } .MISSED { color: #a3122a; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0;
  font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.caveat { border-left: 4px solid #dca63a; padding: 6px 14px; background: #fdf7ea;
  border-radius: 0 6px 6px 0; margin-top: 18px; }
@media (max-width: 640px) { main { padding: 18px 12px 40px; } section { padding: 14px; }
  table { font-size: .85rem; } th, td { padding: 4px; } }
"""
