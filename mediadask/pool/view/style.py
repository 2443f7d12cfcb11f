"""How the pool's page looks: light or dark as the visitor's system is, in one column or two."""

from __future__ import annotations

__all__ = ["AROUND", "INSIDE", "class_color"]

_CLASS_COLORS = 4

AROUND = """
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --text: #1d232a; --soft: #5f6b78; --line: #dfe3e8; --track: #e6e9ee;
  --class-0: #cf3f55; --class-1: #2f74a3; --class-2: #7d919f; --class-3: #a9803a;
  --good: #2f8a5b; --warn: #a86400; --bad: #c22f47; --link: #1f5f8f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1d2126; --text: #e4e8ec; --soft: #97a3b0; --line: #2f363e; --track: #31383f;
    --class-0: #e5667a; --class-1: #5da3d3; --class-2: #8b9ca9; --class-3: #cfa75c;
    --good: #5dbb8a; --warn: #e0a64a; --bad: #f0768a; --link: #7db9e6;
  }
  .navbar ul, .dropdown-content { background-color: #23282e !important; }
  .navbar li a { color: #e4e8ec !important; }
}
html { background: var(--page) !important; }
"""
"""Styles the page itself: custom properties reach into its parts."""

INSIDE = """
:host { display: block; }
.bk-clearfix { display: block !important; width: 100%; }
* { box-sizing: border-box; }
.part, .grid, .top { color: var(--text); font: 14px/1.4 system-ui, Helvetica, Arial, sans-serif; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px;
  margin: 0 0 10px; min-width: 0; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 0 10px; }
.top { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0 10px; }
@media (min-width: 1100px) { .top { grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); } }
.top > div { display: flex; flex-direction: column; min-width: 0; }
.top .card:last-child { flex-grow: 1; }
h2 { font-size: 13px; font-weight: 600; margin: 0 0 6px; color: var(--soft); }
h1 { font-size: 22px; font-weight: 600; margin: 0; display: inline; }
p { margin: 2px 0; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
.soft { color: var(--soft); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.good { color: var(--good); }
.head { display: flex; flex-wrap: wrap; gap: 2px 22px; align-items: baseline; margin: 4px 2px 10px; }
.head b { font-size: 22px; font-weight: 600; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: 12px; padding: 2px 12px 3px 0; }
td { padding: 3px 12px 3px 0; border-top: 1px solid var(--line); vertical-align: top; }
td:last-child, th:last-child { padding-right: 0; }
.right { text-align: right; } .short { white-space: nowrap; }
.name { overflow-wrap: anywhere; min-width: 9em; }
.cut { max-width: 26em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.bar { position: relative; height: 10px; border-radius: 5px; background: var(--track); min-width: 70px;
  margin-top: 5px; overflow: hidden; display: flex; }
.bar i { display: block; height: 100%; }
.with { display: grid; grid-template-columns: minmax(60px, 1fr) 3.2em; gap: 8px; }
.outputs { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 10px 18px; }
.output { display: grid; grid-template-columns: 112px minmax(0, 1fr); gap: 0 10px; align-content: start; }
.output > div { overflow-wrap: anywhere; }
.output small { display: block; font-size: 12px; line-height: 1.3; }
.frame { width: 112px; height: 63px; background: var(--track); border-radius: 4px; overflow: hidden; }
.plain .output { grid-template-columns: minmax(0, 1fr); }
.plain .frame { display: none; }
.frame img { width: 100%; height: 100%; object-fit: contain; display: block; }
.pages { display: flex; gap: 16px; margin: 10px 0 2px; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 5px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 6px 0 0 34px; font-size: 12px;
  color: var(--soft); }
.plot { display: grid; grid-template-columns: 28px 1fr; gap: 0 6px; }
.plot svg { width: 100%; height: 190px; display: block; border-bottom: 1px solid var(--line); }
.scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right;
  font-size: 11px; color: var(--soft); margin: -6px 0; }
.times { display: flex; justify-content: space-between; font-size: 11px; color: var(--soft);
  grid-column: 2; margin-top: 2px; }
@media (min-width: 1800px) {
  .part, .grid, .top { font-size: 16px; } h2, th { font-size: 14px; }
  .legend, .times, .scale { font-size: 13px; }
  .plot svg { height: 250px; }
}
"""
"""Styles its parts, each of which has a shadow tree."""


def class_color(order: int) -> str:
    """Return the color of a class, by its place among the classes."""
    return f"var(--class-{min(order, _CLASS_COLORS - 1)})"
