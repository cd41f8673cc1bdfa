"""The style of the HTML report: light and dark, on paper always light."""

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c2430; --soft: #5b6675; --line: #d6dbe2; --paper: #ffffff;
  --ground: #eef1f5; --panel: #f6f8fa;
  --good: #12703f; --good-back: #e3f4ea; --bad: #b3261e; --bad-back: #fde8e6;
  --warn: #8a5a00; --warn-back: #fdf2dc; --accent: #1f3f77;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e4e8ee; --soft: #9aa5b4; --line: #343d4a; --paper: #171c23;
    --ground: #0e1116; --panel: #1e252e;
    --good: #6ad79b; --good-back: #12301f; --bad: #ff8f85; --bad-back: #40191a;
    --warn: #efc06a; --warn-back: #3a2c10; --accent: #9cbcf5;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 2rem 1rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main {
  max-width: 72rem; margin: 0 auto; background: var(--paper); padding: 3rem;
  border: 1px solid var(--line); border-top: 6px solid var(--accent);
}
.kicker {
  margin: 0; color: var(--soft); font-size: .8rem; letter-spacing: .14em;
  text-transform: uppercase;
}
h1 {
  margin: .2rem 0 0; font: 600 2.1rem/1.2 Georgia, "Times New Roman", serif;
}
h2 {
  margin: 2.6rem 0 .8rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line);
  font: 600 1.25rem/1.3 Georgia, "Times New Roman", serif;
}
.head {
  display: flex; flex-wrap: wrap; gap: 1.5rem; justify-content: space-between;
  align-items: flex-start;
}
.verdict {
  padding: .7rem 1.4rem; border: 2px solid; border-radius: .3rem; text-align: center;
  font: 700 1.2rem/1.2 Georgia, "Times New Roman", serif; letter-spacing: .06em;
  text-transform: uppercase;
}
.verdict small {
  display: block; margin-top: .2rem; font: 400 .8rem/1.3 system-ui, sans-serif;
  letter-spacing: 0; text-transform: none;
}
.passed { color: var(--good); } .failed { color: var(--bad); }
.skipped, .incomplete, .nothing { color: var(--warn); }
.verdict.passed { background: var(--good-back); }
.verdict.failed { background: var(--bad-back); }
.verdict.incomplete, .verdict.nothing { background: var(--warn-back); }
.statement { margin: 1.6rem 0 0; max-width: 48rem; font-size: 1.05rem; }
dl.facts {
  display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.5rem;
  margin: 1.6rem 0 0;
}
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td {
  padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top;
}
th { color: var(--soft); font-weight: 600; font-size: .85rem; }
td.number, th.number { text-align: right; }
th.cell, td.cell { text-align: center; white-space: nowrap; }
td.cell small { color: var(--soft); }
td a { color: inherit; text-decoration: none; }
td a:hover { text-decoration: underline; }
.scroll { overflow-x: auto; }
code, .exchange, .fields {
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .8rem;
}
details { border: 1px solid var(--line); border-radius: .3rem; margin: .5rem 0; }
details.passed, details.failed, details.skipped { color: var(--ink); }
details.failed { border-left: 4px solid var(--bad); }
summary { padding: .45rem .8rem; cursor: pointer; background: var(--panel); }
summary .name { font-weight: 600; } summary .where { color: var(--soft); }
summary .outcome { float: right; font-weight: 600; }
.reason { margin: .6rem .8rem; color: var(--bad); overflow-wrap: anywhere; }
details.skipped .reason { color: var(--warn); }
.exchange { margin: .4rem .8rem .8rem; }
.exchange .event {
  display: grid; grid-template-columns: 4.6rem 2.6rem 1.2rem 1.2rem 1fr; gap: .4rem;
  padding: .12rem .2rem; border-bottom: 1px solid var(--line);
}
.event .at, .event .line, .event .note { color: var(--soft); }
.event .at, .event .line { text-align: right; }
.event .text { overflow-wrap: anywhere; }
.event .type { color: var(--accent); font-weight: 600; margin-right: .5em; }
.event.sent .arrow { color: var(--accent); }
.event.received .arrow { color: var(--good); }
.event.wrong { background: var(--bad-back); }
.event.wrong .arrow { color: var(--bad); font-weight: 700; }
.separator { color: var(--soft); opacity: .6; }
mark {
  background: var(--bad); color: var(--paper); border-radius: .15rem;
  padding: 0 .1em;
}
.wish { margin: .3rem 0 .2rem; padding: .2rem .2rem; background: var(--good-back); }
.wish b { color: var(--good); margin-right: .6em; }
.fields { margin: .4rem 0 .8rem; border: 1px solid var(--line); }
.fields td, .fields th { padding: .12rem .5rem; overflow-wrap: anywhere; }
.fields td:first-child { white-space: nowrap; }
.fields tr.wrong td { background: var(--bad-back); }
.fields tr.wrong td.note { color: var(--bad); }
.fields .meaning { color: var(--soft); }
.signatures { display: grid; grid-template-columns: 1fr 1fr; gap: 2.5rem 3rem; }
.signature { padding-top: 3.2rem; }
.signature div {
  border-top: 1px solid var(--ink); padding-top: .3rem; color: var(--soft);
}
footer {
  margin-top: 2.5rem; color: var(--soft); font-size: .8rem; overflow-wrap: anywhere;
}
@media (max-width: 46rem) {
  main { padding: 1.2rem; } .signatures { grid-template-columns: 1fr; }
}
@media print {
  :root {
    color-scheme: light;
    --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --ground: #fff;
    --panel: #fff; --good: #0b5a30; --good-back: #fff; --bad: #a01810;
    --bad-back: #fbe9e7; --warn: #6b4500; --warn-back: #fff; --accent: #1f3f77;
  }
  @page { margin: 16mm; }
  body { padding: 0; font-size: 10.5pt; }
  main { border: 0; padding: 0; max-width: none; }
  h2, summary { break-after: avoid; }
  tr, .event, .signature { break-inside: avoid; }
  details:not([open]) { display: none; }
  .evidence { display: none; }
  .signatures { break-inside: avoid; }
}
"""
