"""How far a shard's events are published: a position, and the file that keeps it.

The file is a hint. Without it, or with an older one, events are published again, which
consumers take no notice of; so it is replaced in one piece but never synced.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from engine.eventchain import CHAIN_BYTES, genesis

log = logging.getLogger(__name__)

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two events: behind number ``seq``, where the chain has the value
    ``chain``."""

    seq: int
    chain: bytes

    @classmethod
    def beginning(cls, shard: int) -> Position:
        """In front of the first event."""
        return cls(0, genesis(shard))


class CursorFile:
    """``cursor-N.json`` in ``folder``: where in ``topic`` the events of ``shard``
    ended."""

    def __init__(self, folder: Path, shard: int, topic: str) -> None:
        self._path = folder / f"cursor-{shard}.json"
        self._shard = shard
        self._topic = topic

    def load(self) -> Position | None:
        """What was saved last for this topic; None when there is nothing of use."""
        try:
            found = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            log.warning("%s is not read: %s", self._path, error)
            return None
        try:
            if found["topic"] != self._topic:
                return None
            if (found["format"], found["shard"]) != (_FORMAT, self._shard):
                raise ValueError("it is of another format or shard")
            seq, chain = found["seq"], bytes.fromhex(found["chain"])
            if type(seq) is not int or seq < 0 or len(chain) != CHAIN_BYTES:
                raise ValueError("it holds no position")
        except (KeyError, TypeError, ValueError) as error:
            log.warning("%s is not read: %s", self._path, error)
            return None
        return Position(seq, chain)

    def save(self, position: Position) -> None:
        """Replace what was saved. Raises OSError."""
        document = {
            "format": _FORMAT,
            "topic": self._topic,
            "shard": self._shard,
            "seq": position.seq,
            "chain": position.chain.hex(),
        }
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(document) + "\n")
        os.replace(draft, self._path)
