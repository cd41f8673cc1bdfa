"""Sequence numbers, sent messages and event positions of a gateway."""

from fixgw.store.outbox import Outbox

__all__ = ["Outbox"]
