"""Certification: scripted FIX dialogues played against an acceptor, or as one.

It shares no code with the session layer it judges.
"""

from fixgw.certify.dialogue import (
    Dialogue,
    Names,
    ScriptError,
    is_wanted,
    load,
    settings_by_session,
)
from fixgw.certify.runner import Run, run
from fixgw.certify.situation import Situation
from fixgw.certify.transcript import Outcome, Result

__all__ = [
    "Dialogue",
    "Names",
    "Outcome",
    "Result",
    "Run",
    "ScriptError",
    "Situation",
    "is_wanted",
    "load",
    "run",
    "settings_by_session",
]
