"""Append-only logs of numbered records, and their recovery."""

from engine.journal.end import LogEnd
from engine.journal.format import CorruptLog, LogKind, LogRecord
from engine.journal.recordlog import DurabilityLost, RecordLog
from engine.journal.recovery import RecoveryReport
from engine.journal.tail import LogTail

__all__ = [
    "CorruptLog",
    "DurabilityLost",
    "LogEnd",
    "LogKind",
    "LogRecord",
    "LogTail",
    "RecordLog",
    "RecoveryReport",
]
