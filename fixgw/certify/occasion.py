"""The occasion of a run: who is tested by whom, where and how."""

from __future__ import annotations

from dataclasses import dataclass

from fixgw.certify.runner import Run
from fixgw.certify.transcript import Outcome


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a report says besides results."""

    target: str
    """Host and port, or in server mode where clients came in."""
    mode: str
    """strict or relaxed."""
    program: str
    """What has played the dialogues, with its version."""
    member: str = ""
    """Who is certified."""
    certifier: str = ""
    """Who certifies."""
    profile: str = ""
    command: str = ""
    """How to do it again."""
    is_server: bool = False

    @property
    def subject(self) -> str:
        """What kind of thing was tested."""
        return "initiator" if self.is_server else "acceptor"


def verdict(run: Run) -> str:
    """The result of a run in one word: passed, failed, incomplete or nothing."""
    if run.count(Outcome.FAILED):
        return "failed"
    if run.count(Outcome.SKIPPED):
        return "incomplete" if run.count(Outcome.PASSED) else "nothing"
    return "passed" if run.results else "nothing"


def versions(run: Run) -> list[str]:
    """The versions of FIX that were played, in their order."""
    return sorted({r.dialogue.version for r in run.results if r.dialogue.version})
