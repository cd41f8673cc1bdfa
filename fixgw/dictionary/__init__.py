"""FIX dictionaries: loading them, and judging messages by them."""

from .loader import load
from .model import Dictionary, DictionaryError, Field, MessageSupport, MessageType
from .reasons import SessionRejectReason
from .rulebook import APPL_VER_IDS, Rulebook
from .validation import Switches, Violation, validate

__all__ = [
    "APPL_VER_IDS",
    "Dictionary",
    "DictionaryError",
    "Field",
    "MessageSupport",
    "MessageType",
    "Rulebook",
    "SessionRejectReason",
    "Switches",
    "Violation",
    "load",
    "validate",
]
