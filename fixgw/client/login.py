"""A login: who logs on, and where."""

from __future__ import annotations

from dataclasses import dataclass, field


class LogonFailed(Exception):
    """There is no session; the text says why and what to do next."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Who logs on, and where."""

    sender: str
    target: str = "EXCHANGE"
    host: str = "127.0.0.1"
    port: int = 9876
    heartbeat_s: int = 30
    username: str = ""
    password: str = field(default="", repr=False)
    reset: bool = False
    logon_s_max: float = 10.0
    logout_s_max: float = 2.0
