"""Where names of tags come from: dictionaries given, and those in ``spec``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from fixgw.certify.naming import Dictionary, Naming
from fixgw.certify.versions import VERSIONS
from fixgw.dictionary import DictionaryError, load

SPEC = Path(__file__).parents[2] / "spec"


def load_naming(files: Iterable[Path]) -> Naming:
    """Names from these files first, then from the exchange's own dictionaries.

    Raises OSError and ValueError for a given file; one of our own that cannot be
    read only leaves tags without names.
    """
    found: dict[str, list[Dictionary]] = {"": []}
    for file in files:
        try:
            found[""].append(load(file.read_text("utf-8"), file.name))
        except DictionaryError as error:
            raise OSError(f"{file}: {error}") from error
    for file in sorted(SPEC.glob("FIX*.xml"), reverse=True):
        try:
            dictionary = load(file.read_text("utf-8"), file.name)
        except (OSError, DictionaryError):
            continue
        found[""].append(dictionary)
        for name in _versions(file):
            found.setdefault(name, []).append(dictionary)
    return Naming(found)


def _versions(file: Path) -> list[str]:
    """The versions that a dictionary's file name speaks of: FIX44.xml, FIXT11.xml."""
    short = re.sub(r"^FIX", "", file.stem)
    return [
        version.name
        for version in VERSIONS
        if version.short == short or (short == "T11" and version.appl_ver_id)
    ]
