"""What the pages of the side door share: one object, made by its process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fixgw.config import Config
    from fixgw.sidedoor.accounts import Accounts
    from fixgw.sidedoor.desk import Desk
    from fixgw.sidedoor.dispatch import Dispatcher
    from fixgw.sidedoor.figures import Figures
    from fixgw.sidedoor.guard import Guard
    from fixgw.sidedoor.hub import Hub
    from fixgw.sidedoor.market import Market
    from fixgw.sidedoor.private import PrivateStreams


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may need. ``clock`` gives nanoseconds since the epoch."""

    config: Config
    clock: Callable[[], int]
    guard: Guard
    market: Market
    accounts: Accounts
    private: PrivateStreams
    dispatcher: Dispatcher
    desk: Desk
    hub: Hub
    figures: Figures
