"""A dialogue: one script for one version of FIX, ready to be played."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fixgw.certify import steps as s
from fixgw.certify.compare import Mode
from fixgw.certify.header import PROFILES, Header, parse_header
from fixgw.certify.including import read_lines
from fixgw.certify.script import parse_steps
from fixgw.certify.versions import (
    DEFAULT,
    VERSIONS,
    Variant,
    Version,
    guess,
    guess_by_folder,
    uses_versions,
    version_of,
)
from fixgw.certify.wire import fields_of

SUFFIX = ".def"

SessionKey = tuple[str, str, str]
"""BeginString(8), the client's CompID, the server's."""

_KNOWN = frozenset(version.begin_string for version in VERSIONS)


class ScriptError(Exception):
    """Scripts that cannot be read or parsed: every error, as ``file:line: text``."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Names:
    """What the macros of a script stand for where it does not say so itself.

    ``{v}`` in a CompID is replaced by the version in short.
    """

    client: str = "TW{v}"
    server: str = "ISLD"
    profile: str = "standard"
    versions: tuple[Version, ...] = ()
    """Only these; all that a script names where empty."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One script for one version."""

    path: Path
    name: str
    """The path as it is shown, without the suffix."""
    version: str
    """FIX.4.4, FIX.5.0SP2; empty where the script does not tell."""
    header: Header
    lines: tuple[str, ...]
    """The file as it is, for reports."""
    steps: tuple[s.Step, ...]
    sessions: frozenset[SessionKey]
    """Those it logs on to: dialogues that share one must not run at the same time."""

    @property
    def label(self) -> str:
        """What it is called where many versions stand side by side."""
        return f"{self.name} [{self.version}]" if self.version else self.name

    @property
    def rule(self) -> str:
        """The rule it is about."""
        return self.header.rule or self.path.stem.partition("_")[0]

    @property
    def title(self) -> str:
        """What it is about, in words."""
        words = self.path.stem.partition("_")[2] or self.path.stem
        return self.header.title or re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", words)

    @property
    def serves(self) -> bool:
        """Whether the script is the server of the conversation."""
        return any(isinstance(step, s.Accept) for step in s.flatten(self.steps))


def find_scripts(paths: Iterable[Path]) -> list[tuple[Path, Path]]:
    """The scripts in files and folders, each with the folder its name begins in.

    Raises ScriptError for a path where there is nothing.
    """
    found, errors = [], []
    for path in paths:
        if path.is_dir():
            scripts = sorted(path.rglob(f"*{SUFFIX}"))
            found += [(script, path) for script in scripts]
            if not scripts:
                errors.append(f"{path}: no {SUFFIX} file in this folder")
        elif path.is_file():
            found.append((path, path.parent))
        else:
            errors.append(f"{path}: there is no such file or folder")
    if errors:
        raise ScriptError(errors)
    return found


def load(paths: Iterable[Path], names: Names) -> list[Dialogue]:
    """The dialogues of all scripts in files and folders. Raises ScriptError."""
    found: list[Dialogue] = []
    errors: list[str] = []
    for path, base in find_scripts(paths):
        try:
            text = path.read_bytes().decode("latin-1")
        except OSError as error:
            errors.append(f"{path}: {error.strerror}")
            continue
        name = str(path.relative_to(base).with_suffix(""))
        dialogues, wrong = parse(text, path, name, names)
        found += dialogues
        errors += [f"{path}:{line}: {what}" for line, what in wrong]
    if errors:
        raise ScriptError(errors)
    return found


def parse(
    text: str, path: Path, name: str, names: Names
) -> tuple[list[Dialogue], list[tuple[int, str]]]:
    """The dialogues of one script, one per version, and its errors by line."""
    lines = tuple(line.rstrip("\r") for line in text.split("\n"))
    header, wrong = parse_header(_head(lines))
    found = []
    errors = dict.fromkeys(wrong)
    # What it includes may be what differs by version; errors come with the steps.
    whole = "\n".join(line for _, line in read_lines(text, path.parent)[0])
    for version in _versions(whole, header, names):
        shown = version or version_of(DEFAULT)
        variant = Variant(
            shown,
            (header.client or names.client).replace("{v}", shown.short),
            (header.server or names.server).replace("{v}", shown.short),
            names.profile,
        )
        steps, wrong = parse_steps(text, variant, path.parent)
        errors.update(dict.fromkeys(wrong))
        sessions, guessed = _sessions(steps)
        label = version.name if version else guessed
        label = label or guess_by_folder(path.parent.name)
        found.append(Dialogue(path, name, label, header, lines, steps, sessions))
    return found, sorted(errors)


def _head(lines: Sequence[str]) -> list[str]:
    """The comments in front of the first step."""
    head = []
    for line in lines:
        if line.strip() and not line.startswith("#"):
            break
        head.append(line)
    return head


def _versions(text: str, header: Header, names: Names) -> Iterable[Version | None]:
    """The versions to play; None for a script that is of one version as it stands."""
    if not uses_versions(text):
        return [None]
    if header.versions:
        chosen = header.versions
        if names.versions:
            chosen = tuple(v for v in chosen if v in names.versions)
        return chosen
    return names.versions or [version_of(DEFAULT)]


def _sessions(steps: tuple[s.Step, ...]) -> tuple[frozenset[SessionKey], str]:
    """The sessions that steps log on to, and the version of the first one."""
    keys = set()
    version = ""
    for step in s.flatten(steps):
        if isinstance(step, s.SetSession):
            begin_string, _, ids = step.session.partition(":")
            server, _, client = ids.partition("->")
            keys.add((begin_string, client, server))
        if not isinstance(step, s.Send | s.Expect):
            continue
        fields = dict(fields_of(step.text))
        if fields.get("35") != "A" or "8" not in fields:
            continue
        sender, target = fields.get("49", ""), fields.get("56", "")
        if isinstance(step, s.Send) and fields["8"] in _KNOWN:
            keys.add((fields["8"], sender, target))
        version = version or guess(fields["8"], fields.get("1137", ""))
    return frozenset(keys), version


def is_wanted(dialogue: Dialogue, profile: str, words: Sequence[str]) -> bool:
    """Whether a dialogue is of a profile and matches one of the words, if any."""
    if profile and dialogue.header.profile not in (profile, "both"):
        return False
    if not words:
        return True
    whole = f"{dialogue.label} {dialogue.rule} {dialogue.title}".lower()
    return any(_matches(word.lower(), dialogue, whole) for word in words)


def _matches(word: str, dialogue: Dialogue, whole: str) -> bool:
    if word.startswith("rule:"):
        return dialogue.rule.lower() == word.removeprefix("rule:")
    return word in whole


def settings_by_session(
    dialogues: Iterable[Dialogue],
) -> dict[SessionKey, dict[str, str]]:
    """What the acceptor's sessions have to be configured with.

    Raises ScriptError when two dialogues want different things of one session.
    """
    found: dict[SessionKey, dict[str, str]] = {}
    errors = []
    for dialogue in dialogues:
        for key in dialogue.sessions:
            settings = found.setdefault(key, {})
            for name, value in dialogue.header.settings:
                if settings.setdefault(name, value) != value:
                    errors.append(
                        f"{dialogue.path}: {name}={value}, but another dialogue wants "
                        f"{settings[name]} of {':'.join(key)}"
                    )
    if errors:
        raise ScriptError(errors)
    return found


__all__ = [
    "PROFILES",
    "Dialogue",
    "Mode",
    "Names",
    "ScriptError",
    "SessionKey",
    "find_scripts",
    "is_wanted",
    "load",
    "parse",
    "settings_by_session",
]
