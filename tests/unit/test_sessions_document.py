"""docs/sessions.md lists the keys as the catalogue has them.

``python -m tests.unit.test_sessions_document`` writes its tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from fixgw.ops.key_tables import honoured, others
from fixgw.session.keys import KEYS, Concern

PATH = Path(__file__).parents[2] / "docs" / "sessions.md"

TABLES: dict[str, Iterable[str]] = {
    "honoured": tuple(honoured()),
    "no effect": tuple(others(Concern.NO_EFFECT)),
    "refused": tuple(others(Concern.REFUSED)),
    "initiator": tuple(others(Concern.INITIATOR)),
}


def written(text: str) -> str:
    """The document with the tables of the catalogue."""
    for name, lines in TABLES.items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        assert begin, name
        assert end, name
        table = "\n".join(lines).strip()
        text = f"{before}{begin}{table}\n{end}{after}"
    return text


def test_the_tables_are_those_of_the_catalogue() -> None:
    text = PATH.read_text()
    assert text == written(text)


def test_every_key_is_in_a_table() -> None:
    text = PATH.read_text()
    assert not [name for name in KEYS if f"`{name}`" not in text]


def test_every_key_the_text_names_exists() -> None:
    text = PATH.read_text().replace("`Key=value`", "")
    named = set(re.findall(r"`([A-Z][a-z]\w+)(?:=[^`]*)?`", text))
    assert named - KEYS.keys() == set()


if __name__ == "__main__":
    PATH.write_text(written(PATH.read_text()))
