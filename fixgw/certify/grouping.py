"""Which dialogues may run at the same time.

Two that log on to the same session may not, whatever else they do; so dialogues are
joined into groups by the sessions they share, and groups run side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fixgw.certify.dialogue import Dialogue, SessionKey


def groups_of(dialogues: Iterable[Dialogue]) -> list[list[Dialogue]]:
    """The groups, the largest first; within a group the given order stays."""
    groups: list[list[tuple[int, Dialogue]]] = []
    place_of: dict[SessionKey, int] = {}
    for number, dialogue in enumerate(dialogues):
        places = sorted({place_of[key] for key in dialogue.sessions if key in place_of})
        if not places:
            places = [len(groups)]
            groups.append([])
        own, *others = places
        groups[own].append((number, dialogue))
        for other in others:
            groups[own] += groups[other]
            groups[other] = []
            for key, place in place_of.items():
                if place == other:
                    place_of[key] = own
        place_of.update(dict.fromkeys(dialogue.sessions, own))
    groups.sort(key=len, reverse=True)
    ordered = [sorted(group, key=_number) for group in groups if group]
    return [[dialogue for _, dialogue in group] for group in ordered]


def _number(entry: tuple[int, Dialogue]) -> int:
    return entry[0]


def phases_of(dialogues: Sequence[Dialogue]) -> list[list[list[Dialogue]]]:
    """Groups to run side by side, phase after phase; exclusive ones last and alone."""
    shared = [item for item in dialogues if not item.header.is_exclusive]
    alone = [item for item in dialogues if item.header.is_exclusive]
    return [groups_of(shared), *([[item]] for item in alone)]
