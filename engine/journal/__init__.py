"""Append-only logs of numbered records, and their recovery."""

from engine.journal.format import CorruptLog, LogKind, LogRecord
from engine.journal.recordlog import DurabilityLost, RecordLog
from engine.journal.recovery import RecoveryReport

__all__ = [
    "CorruptLog",
    "DurabilityLost",
    "LogKind",
    "LogRecord",
    "RecordLog",
    "RecoveryReport",
]
