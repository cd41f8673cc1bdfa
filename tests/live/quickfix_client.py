"""QuickFIX as a client: ``quickfix_client.py SETTINGS BEGINSTRING NAME SERVER``.

Commands come as JSON lines on standard input, what happens goes to standard output as
JSON lines. It is a process of its own because QuickFIX's end in Python is not orderly:
``stop`` can crash, and so does letting go of an engine that runs, as an exception would
do on its way out. So it logs out, and leaves without ceremony, whatever happened.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from typing import Any

import quickfix as fix

LOGOUT_S = 5.0
_guard = threading.Lock()


def tell(kind: str, text: str = "") -> None:
    with _guard:
        sys.stdout.write(json.dumps([kind, text]) + "\n")
        sys.stdout.flush()


class Application(fix.Application):  # type: ignore[misc]
    """Tells what passes."""

    def __init__(self) -> None:
        super().__init__()
        self.is_logged_on = False

    def onCreate(self, session: Any) -> None:
        pass

    def onLogon(self, session: Any) -> None:
        self.is_logged_on = True
        tell("logon")

    def onLogout(self, session: Any) -> None:
        self.is_logged_on = False
        tell("logout")

    def toAdmin(self, message: Any, session: Any) -> None:
        if "\x0135=3\x01" in (text := message.toString()):
            tell("refused", text)

    def toApp(self, message: Any, session: Any) -> None:
        if "\x0135=j\x01" in (text := message.toString()):
            tell("refused", text)

    def fromAdmin(self, message: Any, session: Any) -> None:
        tell("admin", message.toString())

    def fromApp(self, message: Any, session: Any) -> None:
        tell("app", message.toString())


def send(
    session: Any,
    msg_type: str,
    fields: list[tuple[int, str]],
    groups: list[tuple[int, int, list[str]]],
) -> None:
    """``groups``: the tag that counts, that of an entry's one field, and its values."""
    message = fix.Message()
    message.getHeader().setField(fix.StringField(35, msg_type))
    for tag, value in fields:
        message.setField(fix.StringField(tag, value))
    for count, tag, values in groups:
        for value in values:
            group = fix.Group(count, tag)
            group.setField(fix.StringField(tag, value))
            message.addGroup(group)
    fix.Session.sendToTarget(message, session)


def obey(application: Application, session: Any) -> None:
    """Does as it is told, until ``stop`` or the end of the commands."""
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        if command == "send":
            send(session, *arguments)
        elif command == "expect":
            fix.Session.lookupSession(session).setNextTargetMsgSeqNum(arguments[0])
        elif command == "stop":
            fix.Session.lookupSession(session).logout()
            deadline = time.monotonic() + LOGOUT_S
            while application.is_logged_on and time.monotonic() < deadline:
                time.sleep(0.005)
            tell("stopped")
            break


def main(path: str, begin_string: str, name: str, server: str) -> None:
    session = fix.SessionID(begin_string, name, server)
    application = Application()
    settings = fix.SessionSettings(path)
    store, log = fix.FileStoreFactory(settings), fix.FileLogFactory(settings)
    engine = fix.SocketInitiator(application, store, settings, log)
    engine.start()
    code = 1
    try:
        obey(application, session)
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
