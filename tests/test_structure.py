"""The shape of the tree: which way imports go, what the core may use, module sizes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path for package in ("engine", "fixgw") for path in (ROOT / package).rglob("*.py")
)

LAYERS = {
    "engine.codes": 0,
    "engine.layouts": 0,
    "engine.records": 1,
    "engine.recordfiles": 2,
    "engine.decimals": 0,
    "engine.statehash": 0,
    "engine.eventchain": 1,
    "engine.figures": 1,
    "engine.instruments": 1,
    "engine.keytable": 1,
    "engine.book": 2,
    "engine.slots": 1,
    "engine.fees": 2,
    "engine.bands": 3,
    "engine.selftrade": 3,
    "engine.clearing": 4,
    "engine.dumping": 3,
    "engine.events": 3,
    "engine.ended": 4,
    "engine.books": 4,
    "engine.phasetable": 2,
    "engine.combinations": 2,
    "engine.checks": 4,
    "engine.commandchecks": 5,
    "engine.positions": 5,
    "engine.limits": 6,
    "engine.orderids": 5,
    "engine.ahead": 6,
    "engine.matching": 7,
    "engine.entering": 8,
    "engine.stops": 9,
    "engine.pegs": 9,
    "engine.settling": 10,
    "engine.auction": 10,
    "engine.phases": 11,
    "engine.timers": 12,
    "engine.massactions": 12,
    "engine.deadlines": 13,
    "engine.tradechanges": 12,
    "engine.neworders": 13,
    "engine.replaces": 13,
    "engine.statuses": 14,
    "engine.shard": 15,
    "engine.csvlines": 2,
    "engine.flowrows": 2,
    "engine.flowwords": 3,
    "engine.flowterms": 4,
    "engine.flow": 16,
    "engine.journal": 17,
    "engine.host": 18,
    "fixgw.wire": 21,
    "fixgw.dictionary": 22,
    "fixgw.session": 23,
    "fixgw.store": 24,
    "fixgw.orders": 24,
    "fixgw.marketdata": 24,
    "fixgw.net": 25,
    "fixgw.config": 25,
    "fixgw.fanout": 25,
    "fixgw.readmodel": 25,
    "fixgw.sidedoor": 25,
    "fixgw.breaker": 25,
    "fixgw.certify": 25,
    "fixgw.dropcopy": 25,
    "fixgw.client": 25,
    "fixgw.echo": 25,
    "fixgw.demo": 26,
    "fixgw.ops": 26,
}
"""A module may import its own layer and lower ones. Siblings on a layer do not matter:
what matters is that nothing reaches up."""

IMPURE = frozenset({"asyncio", "socket", "os", "time", "random", "logging", "secrets"})
PURE = (
    "fixgw.session",
    "fixgw.wire",
    "fixgw.dictionary",
    "fixgw.orders",
    "fixgw.marketdata",
    "engine",
)
EFFECTS = ("engine.journal", "engine.host")

LINES_MAX = 450
LARGER = {
    "engine/records.py": "one description of all layouts",
}
LARGER_MAX = 600


def module_name(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path: Path) -> set[str]:
    """Absolute names of everything a file imports; cimports count like imports."""
    found: set[str] = set()
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, node.module or ""]).strip(".")
            found.add(name.removeprefix("cython.cimports."))
            found |= {f"{name}.{alias.name}" for alias in node.names if not node.module}
    return found


def layer_of(name: str) -> int | None:
    """The layer of a module, by its longest listed prefix."""
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        layer = LAYERS.get(".".join(parts[:size]))
        if layer is not None:
            return layer
    return None


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_go_one_way(path: Path) -> None:
    own = layer_of(module_name(path))
    if own is None:
        assert module_name(path) in {"engine", "fixgw", "fixgw.__main__"}
        return
    for name in imports_of(path):
        other = layer_of(name)
        assert other is None or other <= own, f"{module_name(path)} imports {name}"


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if module_name(p).startswith("engine")], ids=module_name
)
def test_engine_never_imports_fixgw(path: Path) -> None:
    assert not [name for name in imports_of(path) if name.split(".")[0] == "fixgw"]


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_the_core_is_pure(path: Path) -> None:
    name = module_name(path)
    if not name.startswith(PURE) or name.startswith(EFFECTS):
        return
    impure = {imported.split(".")[0] for imported in imports_of(path)} & IMPURE
    assert not impure, f"{name} imports {', '.join(sorted(impure))}"


def test_no_listed_layer_is_empty() -> None:
    """A stale name in the table would check nothing."""
    names = {module_name(path) for path in SOURCES}
    for listed in LAYERS:
        assert any(name == listed or name.startswith(listed + ".") for name in names)


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_modules_are_small(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    allowed = LARGER_MAX if str(path.relative_to(ROOT)) in LARGER else LINES_MAX
    assert lines <= allowed, f"{path.relative_to(ROOT)} has {lines} lines"
