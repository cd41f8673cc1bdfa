"""FIX dictionaries: loading them, and judging messages by them."""

from .loader import load
from .model import Dictionary, DictionaryError, Field, MessageSupport, MessageType
from .reasons import SessionRejectReason
from .validation import Switches, Violation, validate

__all__ = [
    "Dictionary",
    "DictionaryError",
    "Field",
    "MessageSupport",
    "MessageType",
    "SessionRejectReason",
    "Switches",
    "Violation",
    "load",
    "validate",
]
