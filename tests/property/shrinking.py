"""Makes a failing sequence of batches small, and prints it so that one can read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from tests.property.comparing import Comparison, Failure, say
from tests.property.generating import Batch

KEPT_FIELDS = ("kind", "symbol", "cl_ord_id", "orig_cl_ord_id", "tick", "lot")
TRIES_MAX = 4_000


def fault_of(batches: list[Batch]) -> Exception | None:
    """What is wrong with a sequence, or None."""
    try:
        comparison = Comparison()
        for batch in batches:
            comparison.apply(batch)
        comparison.finish()
    except Exception as fault:
        return fault
    return None


def gist(fault: Exception | None) -> str:
    """What two faults have in common that are the same: no numbers, no details."""
    if fault is None:
        return ""
    first = str(fault).split(":")[0] if str(fault) else ""
    return f"{type(fault).__name__} {''.join(c for c in first if not c.isdigit())}"


def shrink(
    batches: list[Batch], fails: Callable[[list[Batch]], object] = fault_of
) -> list[Batch]:
    """A shorter sequence that fails as well: without batches, then without words."""
    tries = 0

    def still(candidate: list[Batch]) -> bool:
        nonlocal tries
        tries += 1
        return tries < TRIES_MAX and bool(fails(candidate))

    batches = [(time, list(commands)) for time, commands in batches]
    for _ in range(3):
        before = batches
        batches = _without_batches(batches, still)
        batches = _alone(batches, still)
        batches = _without_words(batches, still)
        if batches == before:
            break
    return batches


def _without_batches(
    batches: list[Batch], still: Callable[[list[Batch]], bool]
) -> list[Batch]:
    size = max(1, len(batches) // 2)
    while True:
        place = 0
        while place < len(batches):
            candidate = batches[:place] + batches[place + size :]
            if candidate and still(candidate):
                batches = candidate
            else:
                place += size
        if size == 1:
            return batches
        size //= 2


def _alone(batches: list[Batch], still: Callable[[list[Batch]], bool]) -> list[Batch]:
    """Batches of one command each, where that still fails."""
    for place, (time, commands) in enumerate(batches):
        for command in commands if len(commands) > 1 else []:
            candidate = [*batches]
            candidate[place] = (time, [command])
            if still(candidate):
                batches = candidate
                break
    return batches


def _without_words(
    batches: list[Batch], still: Callable[[list[Batch]], bool]
) -> list[Batch]:
    """Each field as it is by default, where that still fails."""
    for place, (time, commands) in enumerate(batches):
        for which, command in enumerate(commands):
            for name in (part.name for part in fields(command)):
                if name in KEPT_FIELDS:
                    continue
                made: Any = type(command)
                plain = made(_kind(command))
                if getattr(command, name) == getattr(plain, name):
                    continue
                change: dict[str, Any] = {name: getattr(plain, name)}
                simpler = replace(command, **change)
                candidate = [*batches]
                candidate[place] = (
                    time,
                    [*commands[:which], simpler, *commands[which + 1 :]],
                )
                if still(candidate):
                    batches, command = candidate, simpler
                    commands = candidate[place][1]
    return batches


def _kind(command: Any) -> int:
    return int(command.kind)


def story(batches: list[Batch]) -> str:
    """Each command, the events it gave in the reference, and the fault."""
    comparison = Comparison()
    lines: list[str] = []
    first = batches[0][0] if batches else 0
    for batch in batches:
        time, commands = batch
        lines += [f"> +{time - first} {say(command)}" for command in commands]
        try:
            events = comparison.apply(batch)
        except Exception as fault:
            lines += [f"!! {line}" for line in str(fault).splitlines()]
            if not isinstance(fault, AssertionError):
                lines.append(f"!! {type(fault).__name__}")
            return "\n".join(lines)
        lines += [f"    {say(event)}" for event in events]
    try:
        comparison.finish()
    except Exception as fault:
        lines.append(f"!! {fault}")
    return "\n".join(lines)


def explain(failure: Failure) -> str:
    """The note, and the smallest sequence found."""
    batches, wanted = failure.batches, gist(failure.fault)
    if gist(fault_of(batches)) == wanted:
        batches = shrink(batches, lambda few: gist(fault_of(few)) == wanted)
    return f"{failure.note}\n{story(batches)}"
