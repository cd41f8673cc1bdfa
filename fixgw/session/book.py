"""A sessions file as a whole: its listener and its sessions, without a problem."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

from fixgw.session.keys import KEYS
from fixgw.session.listener import Listener
from fixgw.session.policies import Authentication
from fixgw.session.sections import Problem, Reader, Section
from fixgw.session.view import View

SESSIONS_MAX = 10_000
"""Each session costs memory at start whether it is used or not."""


class SettingsError(ValueError):
    """All that is wrong with a sessions file, in the order of its lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Book:
    """What a sessions file says, section by section; templates are among the views."""

    listener: Listener
    views: tuple[View, ...]
    warnings: tuple[str, ...]


def read(text: str, name: str, local_zone: tzinfo | None = None) -> Book:
    """The sections of ``text``. Raises SettingsError with every problem found."""
    reader = Reader(name)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        reader.take(number, line.strip())
    views = [View(reader.default, section, local_zone) for section in reader.sessions]
    anybody = reader.default.entries.get("dynamic_sessions")
    if anybody is not None and anybody.value:
        views.append(View(reader.default, _for_anybody(reader.default), local_zone))
    listener = Listener(reader.acceptor_entries())
    _check_listener(reader, listener)
    _check_sessions(reader, views)
    for view in views:
        _check_both(reader, listener, view)
    if reader.problems:
        # One fault in [DEFAULT] is found again with every session.
        found = sorted(dict.fromkeys(reader.problems), key=lambda each: each.line)
        raise SettingsError(tuple(found))
    told = sorted(
        dict.fromkeys((*reader.warnings, *_warnings(reader, listener, views))),
        key=lambda each: each.line,
    )
    return Book(listener, tuple(views), tuple(str(warning) for warning in told))


def _for_anybody(default: Section) -> Section:
    """The section that DynamicSessions=Y of [DEFAULT] stands for."""
    entry = default.entries["dynamic_sessions"]
    section = Section(entry.line)
    section.entries["dynamic_sessions"] = entry
    return section


def _key_of(name: str) -> str:
    """The key that sets a field, where the file does not say which."""
    return next(key.name for key in KEYS.values() if key.field == name)


def _check_listener(reader: Reader, listener: Listener) -> None:
    for name, reason in listener.problems():
        entry = listener.entries.get(name)
        if entry is not None:
            reader.refuse(entry.line, entry.name, reason)
        elif not reader.is_spoilt(name):
            reader.refuse(reader.default.line, _key_of(name), reason)


def _check_sessions(reader: Reader, views: list[View]) -> None:
    if not views:
        reader.refuse(1, "[SESSION]", "there is none")
    if len(views) > SESSIONS_MAX:
        line = views[SESSIONS_MAX].section.line
        reader.refuse(line, "[SESSION]", f"more than {SESSIONS_MAX} sessions")
    lines: dict[int, int] = {}
    for view in views:
        for name, reason in view.problems():
            reader.refuse(view.line(name), name, reason)
        session_id = view.session_id()
        if session_id is not None:
            first = lines.setdefault(session_id.key, view.section.line)
            if first != view.section.line:
                reason = f"{session_id} is already the session of line {first}"
                reader.refuse(view.section.line, "[SESSION]", reason)


def _check_both(reader: Reader, listener: Listener, view: View) -> None:
    """What a session demands of the listener."""
    method = view.get("authentication")
    secret = method in (Authentication.PASSWORD, Authentication.SIGNATURE)
    if secret and "credentials_file" not in listener.entries:
        reader.refuse(
            view.line("LogonAuthentication"),
            "LogonAuthentication",
            f"{method.value} needs CredentialsFile",
        )
    if listener.asks_for_certificate:
        return
    needed = "needs TLS with certificates of clients: give CertificationAuthoritiesFile"
    if method is Authentication.CERTIFICATE:
        line = view.line("LogonAuthentication")
        reader.refuse(line, "LogonAuthentication", f"CERTIFICATE {needed}")
    elif view.is_given("client_certificate_names"):
        line = view.line("ClientCertificateNames")
        reader.refuse(line, "ClientCertificateNames", needed)


def _warnings(
    reader: Reader, listener: Listener, views: list[View]
) -> Iterator[Problem]:
    for name, text in listener.warnings():
        entry = listener.entries[name]
        yield Problem(reader.file, entry.line, entry.name, text)
    idle: dict[int, Problem] = {}
    at_work: set[int] = set()
    for view in views:
        for entry, needed in view.needing():
            text = f"has no effect without {needed}"
            if needed:
                idle[entry.line] = Problem(reader.file, entry.line, entry.name, text)
            else:
                at_work.add(entry.line)  # what is in [DEFAULT] may be for one session
    yield from (told for line, told in idle.items() if line not in at_work)
