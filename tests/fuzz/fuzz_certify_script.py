"""Scripts of dialogues: any text gives steps or errors with their lines.

Nothing is raised, in any version and profile; every error stands on a line of the text;
and a script without errors has its steps in the order of their lines.
"""

from __future__ import annotations

import re
from pathlib import Path
from zlib import crc32

from fixgw.certify.dialogue import Dialogue, Names, parse
from fixgw.certify.script import parse_steps
from fixgw.certify.versions import VERSIONS, Variant
from tests.fuzz import mutate

CORPUS = "certify_script"
MUTATE = mutate.lines

SEEN: set[str] = set()
"""Steps and errors, without what is quoted in them."""

HERE = Path(__file__).resolve().parent / "corpus" / CORPUS
PROFILES = ("standard", "quickfix")


def check(data: bytes) -> None:
    text = data.decode("latin-1")
    lines = text.count("\n") + 1
    number = crc32(data)
    version = VERSIONS[number % len(VERSIONS)]
    profile = PROFILES[number >> 8 & 1]
    variant = Variant(version, "CLIENT", "SERVER", profile)
    steps, errors = parse_steps(text, variant, HERE)
    SEEN.update(type(step).__name__ for step in steps)
    for line, error in errors:
        SEEN.add(re.sub(r"'.*'|<.*>|[0-9]+", "", error)[:60])
        assert 1 <= line <= lines
        assert error
    places = [step.line for step in steps]
    assert places == sorted(places)
    assert all(1 <= place <= lines for place in places)
    assert (
        errors
        or steps
        or not any(
            line.strip() and not line.startswith("#") for line in text.split("\n")
        )
    ), "a script that is neither right nor wrong"
    names = Names(profile=profile, versions=(version,))
    dialogues, wrong = parse(text, HERE / "fuzz.def", "fuzz", names)
    assert all(isinstance(each, Dialogue) for each in dialogues)
    assert all(1 <= line <= lines and error for line, error in wrong)
