"""The small file that carries a session from one run of the client to the next."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from fixgw.client.login import LogonFailed
from fixgw.client.message import Fields

_SENT_KEPT = 100  # a newcomer's orders of an afternoon


@dataclass(slots=True)
class Sent:
    """An application message as it went out, for a ResendRequest."""

    time: str
    fields: Fields


class Saved:
    """The file of one session. One client at a time: :meth:`open` takes a lock."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path, self._lock = path, lock
        self.next_out = self.next_in = self.next_order = 1
        self.sent: dict[int, Sent] = {}
        self.orders: list[dict[str, str]] = []

    @classmethod
    def open(cls, directory: Path, sender: str, target: str) -> Self:
        path = directory / f"{quote(sender, safe='')}-{quote(target, safe='')}.json"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            why = f"cannot keep the session in {directory} ({error.strerror})"
            raise LogonFailed(f"{why}: choose another --store") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            saved = cls(path, lock)
            saved._load()
        except BlockingIOError:
            os.close(lock)
            raise LogonFailed(
                f"another client is logged on as {sender} with this store ({path}): "
                "leave it first, or use another --store"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            os.close(lock)
            raise LogonFailed(
                f"{path} cannot be read ({error}): delete it and log on with --reset"
            ) from None
        return saved

    def _load(self) -> None:
        if not self.path.exists():
            return
        text = json.loads(self.path.read_text("utf-8"))
        self.next_out, self.next_in = int(text["next_out"]), int(text["next_in"])
        self.next_order, self.orders = int(text["next_order"]), list(text["orders"])
        for number, sent_at, pairs in text["sent"]:
            fields = tuple((int(tag), str(value)) for tag, value in pairs)
            self.sent[int(number)] = Sent(str(sent_at), fields)

    def save(self) -> None:
        for number in sorted(self.sent)[:-_SENT_KEPT]:
            del self.sent[number]
        text: dict[str, Any] = {
            "next_out": self.next_out,
            "next_in": self.next_in,
            "next_order": self.next_order,
            "sent": [(n, s.time, s.fields) for n, s in self.sent.items()],
            "orders": self.orders,
        }
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(text, indent=1), "utf-8")
        fresh.replace(self.path)

    def close(self) -> None:
        os.close(self._lock)

    def reset(self) -> None:
        """Numbers from 1 again. ClOrdIDs go on: they are unique beyond a session."""
        self.next_out = self.next_in = 1
        self.sent.clear()
