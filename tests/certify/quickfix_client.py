"""A QuickFIX initiator in a process of its own: ``quickfix_client.py SETTINGS``.

Commands are JSON lines on standard input: ["order", quantity], ["logout"]. What
reports come is told as JSON lines on standard output. It leaves without ceremony:
QuickFIX's own end in Python can crash, and so can an exception that lets go of it.
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

AWAY_S = 1.0
_guard = threading.Lock()


def tell(kind: str, **facts: Any) -> None:
    with _guard:
        sys.stdout.write(json.dumps({"kind": kind, **facts}) + "\n")
        sys.stdout.flush()


class Application(fix.Application):  # type: ignore[misc]
    """Tells what comes."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Any = None

    def onCreate(self, session: Any) -> None:
        self.session = session

    def onLogon(self, session: Any) -> None:
        tell("logon")

    def onLogout(self, session: Any) -> None:
        tell("logout")

    def toAdmin(self, message: Any, session: Any) -> None:
        pass

    def toApp(self, message: Any, session: Any) -> None:
        pass

    def fromAdmin(self, message: Any, session: Any) -> None:
        pass

    def fromApp(self, message: Any, session: Any) -> None:
        fields = {}
        for tag in (11, 39, 14, 151):
            if message.isSetField(tag):
                fields[tag] = message.getField(tag)
        header = message.getHeader()
        marks = [tag for tag in (43, 97) if header.isSetField(tag)]
        tell("report", fields=fields, marks=marks)


def order(session: Any, cl_ord_id: str, quantity: str) -> None:
    message = fix.Message()
    message.getHeader().setField(fix.StringField(35, "D"))
    moment = time.strftime("%Y%m%d-%H:%M:%S", time.gmtime())
    for tag, value in (
        (11, cl_ord_id),
        (21, "1"),
        (38, quantity),
        (40, "2"),
        (44, "10"),
        (54, "1"),
        (55, "ACME"),
        (60, moment),
    ):
        message.setField(fix.StringField(tag, value))
    fix.Session.sendToTarget(message, session)


def obey(application: Application) -> None:
    """Does as it is told, until the end of the commands."""
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        if command == "order":
            order(application.session, *arguments)
        elif command == "logout":
            session = fix.Session.lookupSession(application.session)
            session.logout()
            time.sleep(AWAY_S)
            session.logon()


def main(path: str) -> None:
    application = Application()
    settings = fix.SessionSettings(path)
    store, log = fix.FileStoreFactory(settings), fix.FileLogFactory(settings)
    engine = fix.SocketInitiator(application, store, settings, log)
    engine.start()
    tell("started")
    code = 1
    try:
        obey(application)
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
