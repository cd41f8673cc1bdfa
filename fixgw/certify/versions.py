"""A version of FIX as dialogues know it: its name, and the text it puts into a script.

One file can serve all versions. Its macros are expanded, as text, before the file is
parsed:

* ``<VERSION>`` BeginString(8); ``<CLIENT>`` and ``<SERVER>`` the two CompIDs, ``<V>``
  the version in short: ``44``, ``50SP2``.
* ``<APPL>`` DefaultApplVerID(1137) as a whole field on FIXT.1.1, nothing elsewhere.
* ``<STAMP>`` now, in the precision of the version: seconds, milliseconds from 4.2 on.
* ``<FROM:4.2:text>`` and ``<TO:4.1:text>``: the text in these versions only.
* ``<PROFILE:standard:text>``: the text under that profile only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Version:
    """One FIX version."""

    name: str
    """FIX.4.4, or the application version on FIXT.1.1: FIX.5.0SP2."""
    begin_string: str
    """BeginString(8)."""
    short: str
    """44 or 50SP2, as it stands in CompIDs such as TW44."""
    appl_ver_id: str = ""
    """DefaultApplVerID(1137) on FIXT.1.1."""


VERSIONS = (
    Version("FIX.4.0", "FIX.4.0", "40"),
    Version("FIX.4.1", "FIX.4.1", "41"),
    Version("FIX.4.2", "FIX.4.2", "42"),
    Version("FIX.4.3", "FIX.4.3", "43"),
    Version("FIX.4.4", "FIX.4.4", "44"),
    Version("FIX.5.0", "FIXT.1.1", "50", "7"),
    Version("FIX.5.0SP1", "FIXT.1.1", "50SP1", "8"),
    Version("FIX.5.0SP2", "FIXT.1.1", "50SP2", "9"),
)
"""In the order they came."""

DEFAULT = "FIX.4.4"
"""The version of a file that asks for one and does not say which."""

NESTED_MAX = 20
"""Macros within macros: more is a mistake, and Python does not go deeper for ever."""

_BY_NAME = {version.name: version for version in VERSIONS}
_MACRO = re.compile(r"<(VERSION|V|CLIENT|SERVER|APPL|STAMP|FROM|TO|PROFILE)([:>])")
_FIELD_IS = re.compile(r"[A-Z]+$")


class VersionError(ValueError):
    """A text names no version, or a macro for versions is malformed; says which."""


def version_of(name: str) -> Version:
    """The version called ``name``: FIX.4.4, 4.4 or 44. Raises VersionError."""
    for version in VERSIONS:
        if name in (version.name, version.name.removeprefix("FIX."), version.short):
            return version
    known = ", ".join(_BY_NAME)
    raise VersionError(f"{name!r} is no version; there are {known}")


def select(text: str) -> tuple[Version, ...]:
    """The versions a header names: ``all``, ``FIX.4.2..FIX.4.4 FIX.5.0SP2``, ``4.3..``.

    Raises VersionError.
    """
    chosen: set[Version] = set()
    for word in text.replace(",", " ").split():
        if word == "all":
            chosen.update(VERSIONS)
            continue
        low, dots, high = word.partition("..")
        first = VERSIONS.index(version_of(low)) if low else 0
        last = VERSIONS.index(version_of(high)) if high else len(VERSIONS) - 1
        chosen.update(VERSIONS[first : (last if dots else first) + 1])
    return tuple(version for version in VERSIONS if version in chosen)


def guess(begin_string: str, appl_ver_id: str) -> str:
    """The version of a Logon(A) with these fields; empty if there is none."""
    for version in VERSIONS:
        if version.begin_string == begin_string and version.appl_ver_id == appl_ver_id:
            return version.name
    return ""


def guess_by_folder(folder: str) -> str:
    """The version that a folder is called after, as fix50sp2; empty if it is not."""
    short = folder.upper().removeprefix("FIX")
    return next((version.name for version in VERSIONS if version.short == short), "")


@dataclass(frozen=True, slots=True)
class Variant:
    """What the macros for versions stand for."""

    version: Version
    client: str
    server: str
    profile: str
    """standard or quickfix."""


def uses_versions(text: str) -> bool:
    """Whether a script has a macro that differs by version."""
    return any(match[1] != "PROFILE" for match in _MACRO.finditer(text))


def expand(text: str, variant: Variant) -> str:
    """One line with the macros for versions replaced. Raises VersionError."""
    done = []
    while found := _MACRO.search(text):
        done.append(text[: found.start()])
        if found[2] == ">":
            end = found.end() - 1
        else:
            end = _closing(text, found.start())
        inside = text[found.end(1) + 1 : end]
        done.append(_EXPANDERS[found[1]](inside, variant))
        text = text[end + 1 :]
    return "".join([*done, text])


def _closing(text: str, start: int) -> int:
    """Where the bracket opened at ``start`` is closed; brackets inside it nest."""
    depth = 0
    for place in range(start, len(text)):
        if text[place] == "<" and _FIELD_IS.match(text[place + 1 : place + 2]):
            depth += 1
            if depth > NESTED_MAX:
                raise VersionError(f"macros are nested more than {NESTED_MAX} deep")
        elif text[place] == ">":
            depth -= 1
            if not depth:
                return place
    raise VersionError(f"{text[start : start + 20]!r} is not closed by >")


def _conditional(holds: Callable[[Version, Version], bool]) -> Expander:
    def expander(inside: str, variant: Variant) -> str:
        name, colon, text = inside.partition(":")
        if not colon:
            raise VersionError(f"<…:{inside}> lacks the text: <FROM:4.2:text>")
        return expand(text, variant) if holds(variant.version, version_of(name)) else ""

    return expander


def _profile(inside: str, variant: Variant) -> str:
    name, colon, text = inside.partition(":")
    if not colon or name not in ("standard", "quickfix"):
        raise VersionError("<PROFILE:…> takes standard or quickfix, a colon, the text")
    return expand(text, variant) if name == variant.profile else ""


def _stamp(version: Version) -> str:
    """SendingTime(52) has a fraction of a second from FIX.4.2 on."""
    return "<TIME.3>" if _place(version) >= _place(version_of("FIX.4.2")) else "<TIME>"


def _appl(inside: str, variant: Variant) -> str:
    version = variant.version
    return f"1137={version.appl_ver_id}|" if version.appl_ver_id else ""


Expander = Callable[[str, Variant], str]

_EXPANDERS: dict[str, Expander] = {
    "VERSION": lambda inside, variant: variant.version.begin_string,
    "V": lambda inside, variant: variant.version.short,
    "CLIENT": lambda inside, variant: variant.client,
    "SERVER": lambda inside, variant: variant.server,
    "APPL": _appl,
    "STAMP": lambda inside, variant: _stamp(variant.version),
    "FROM": _conditional(lambda own, named: _place(own) >= _place(named)),
    "TO": _conditional(lambda own, named: _place(own) <= _place(named)),
    "PROFILE": _profile,
}


def _place(version: Version) -> int:
    return VERSIONS.index(version)
