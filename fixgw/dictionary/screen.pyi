from fixgw.wire import Message

from .model import Layout

class Table:
    def __init__(
        self,
        layout: Layout,
        delimiter: int = 0,
        barred: frozenset[int] = frozenset(),
        tables: dict[int, Table] | None = None,
    ) -> None: ...

class Screen:
    entries_max: int
    def __init__(
        self,
        header: Table,
        body: Table,
        trailer: Table,
        entries_max: int,
        known: frozenset[int] = frozenset(),
    ) -> None: ...
    def passes(
        self,
        message: Message,
        takes_user_defined: bool = False,
        takes_unknown: bool = False,
    ) -> bool: ...
