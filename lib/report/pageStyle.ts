/** The report's style sheet: one column that fits a phone, light and dark by the reader's system. */
export const pageStyle = `
:root { --ink: #1f2328; --muted: #59636e; --paper: #ffffff; --raised: #f6f8fa; --line: #d1d9e0; --accent: #0060a0; --warn: #9a4a00; --warn-paper: #fff4e5; --sample-paper: #eef6fc; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --muted: #9da7b3; --paper: #0d1117; --raised: #161b22; --line: #30363d; --accent: #6cb6f5; --warn: #f0b072; --warn-paper: #2d1f0e; --sample-paper: #10243a; }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 Inter, "Segoe UI", system-ui, -apple-system, "Helvetica Neue", Arial, sans-serif; }
header, main { max-width: 1240px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 28px; }
h1 { font-size: 28px; margin: 0; }
h2 { font-size: 21px; margin: 0 0 8px; }
h3 { font-size: 17px; margin: 28px 0 8px; }
h4 { font-size: 14px; margin: 16px 0 4px; }
p { margin: 6px 0; }
a { color: var(--accent); text-underline-offset: 2px; }
nav { display: flex; flex-wrap: wrap; gap: 6px 18px; margin-top: 10px; }
section { border-top: 1px solid var(--line); padding: 24px 0; margin-top: 24px; scroll-margin-top: 8px; }
.muted { color: var(--muted); }
.nowrap { white-space: nowrap; }
.note { border-left: 4px solid var(--accent); border-radius: 4px; padding: 10px 14px; margin: 10px 0; background: var(--sample-paper); }
.note.warn { border-left-color: var(--warn); background: var(--warn-paper); }
section.note { border-top: 0; }
.card { background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: 4px 18px 16px; margin: 16px 0; }
.card h3 { margin-top: 12px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin: 12px 0; }
.tile { background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; }
.tile .value { display: block; font-size: 26px; font-weight: 600; line-height: 1.2; }
.tile-name { font-size: 13px; color: var(--muted); }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; margin: 8px 0; }
th, td { padding: 6px 10px; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid var(--line); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 500; white-space: nowrap; }
th.number, td.number { text-align: right; }
.number .interval { display: block; white-space: nowrap; }
.interval { color: var(--muted); font-size: 12px; }
.facts td { overflow-wrap: anywhere; }
.facts th { color: var(--muted); }
#all-runs { font-size: 13px; }
#all-runs th, #all-runs td { padding: 6px 7px; }
#all-runs td:last-child { min-width: 190px; }
#all-runs button { all: unset; cursor: pointer; white-space: nowrap; }
#all-runs button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
#all-runs th[aria-sort=ascending] button::after { content: " ▲"; }
#all-runs th[aria-sort=descending] button::after { content: " ▼"; }
#all-runs thead small { color: var(--muted); font-weight: 400; }
#all-runs tr.group th { background: var(--raised); font-weight: 600; padding-top: 10px; }
input { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 5px 10px; width: min(320px, 70vw); }
.badge { display: inline-block; border-radius: 10px; padding: 0 9px; font-size: 12px; line-height: 20px; font-weight: 600; white-space: nowrap; vertical-align: 1px; border: 1px solid currentColor; }
.badge.finished { color: #00755a; } .badge.running { color: #0060a0; } .badge.interrupted { color: #9a4a00; } .badge.failed { color: #b3261e; } .badge.sample, .badge.stand-in { color: #8a3d73; }
@media (prefers-color-scheme: dark) { .badge.finished { color: #4cc9a0; } .badge.running { color: #6cb6f5; } .badge.interrupted { color: #f0b072; } .badge.failed { color: #ff8a80; } .badge.sample, .badge.stand-in { color: #e0a3c8; } }
.figure { overflow-x: auto; overflow-y: hidden; margin: 8px 0; max-width: 900px; }
.figure > div { height: 100%; }
.pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
@media (max-width: 700px) { .meaning { display: none; } }
@media (max-width: 1000px) { .pair { grid-template-columns: minmax(0, 1fr); } }
details { border: 1px solid var(--line); border-radius: 6px; padding: 8px 14px; margin: 8px 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
pre { background: var(--raised); border-radius: 6px; padding: 10px 14px; overflow-x: auto; font-size: 13px; }
code { font-size: 0.92em; overflow-wrap: anywhere; }
@media print { nav, #filter, label { display: none; } .card, .figure, tr { break-inside: avoid; } }
`;
