"""The caller's side of an admin socket: one command, one answer."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.host.sockets import reachable

ANSWER_BYTES_MAX = 64 * 1024 * 1024
"""What a caller reads of one answer: far above the longest list a process gives."""


class AdminError(Exception):
    """A command was refused: ``code`` for programs, ``message`` for people.

    Codes: NOT_FOUND, BAD_ARGUMENT, CONFLICT, UNAVAILABLE by handlers; BAD_REQUEST,
    LINE_TOO_LONG, UNKNOWN_COMMAND, AUDIT_FAILED, TIMEOUT, BUSY, INTERNAL by the socket.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotRunning(ConnectionError):
    """The process behind an admin socket cannot be reached; the text says what to
    do."""


def call(
    path: Path,
    command: str,
    arguments: Mapping[str, Any] | None = None,
    timeout_s: float = 5.0,
) -> Any:
    """Run one command of the process behind ``path``; its result.

    Blocks. Raises AdminError when the process refuses or, with code TIMEOUT, does not
    answer within ``timeout_s``, and NotRunning when it cannot be reached.
    """
    request = {"id": 1, "command": command, "arguments": dict(arguments or {})}
    deadline = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout_s)
        try:
            with reachable(path) as name:
                link.connect(name)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            raise NotRunning(
                f"nothing answers at {path}: that process does not run. Start the "
                "exchange with 'fixgw up', or name its data folder with --data"
            ) from None
        except PermissionError:
            raise NotRunning(
                f"{path} belongs to another user: run this as the user who runs the "
                "exchange"
            ) from None
        except (TimeoutError, BlockingIOError):
            raise _too_late(command, timeout_s) from None
        try:
            # A process may refuse before it has read all: its answer is still there.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                link.sendall(json_line(request))
            answer = _receive(link, deadline)
        except TimeoutError:
            raise _too_late(command, timeout_s) from None
        except ConnectionResetError:
            answer = b""
    if not answer.endswith(b"\n"):
        raise NotRunning(
            f"the process at {path} ended before it answered {command}: whether it was "
            "run is in its audit log"
        )
    told = json.loads(answer)
    if not told["ok"]:
        raise AdminError(told["error"]["code"], told["error"]["message"])
    return told["result"]


def json_line(message: dict[str, Any]) -> bytes:
    """A message as it goes over the socket. Raises ValueError or TypeError for what
    JSON cannot hold."""
    return json.dumps(message, allow_nan=False).encode() + b"\n"


def _too_late(command: str, timeout_s: float) -> AdminError:
    message = f"no answer to {command} within {timeout_s:g} s; it may still be run"
    return AdminError("TIMEOUT", message)


def _receive(link: socket.socket, deadline: float) -> bytes:
    """One line, or what came before the other side closed. Raises TimeoutError."""
    answer = bytearray()
    while not answer.endswith(b"\n") and len(answer) < ANSWER_BYTES_MAX:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        link.settimeout(left)
        part = link.recv(65_536)
        if not part:
            break
        answer += part
    return bytes(answer)
