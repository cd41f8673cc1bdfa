from collections.abc import Sequence

from engine.shard import Shard

COLUMNS: tuple[str, ...]
REQUIRED: tuple[str, ...]
FAULT_TEXTS: tuple[str, ...]
HEADER: bytes

class Flow:
    line: int
    records: int
    messages: int
    malformed: int
    first_malformed: int
    row_count: int
    resting_peak: int
    def __init__(self, shard: Shard, columns: Sequence[str]) -> None: ...
    def load(self, chunk: bytes) -> None: ...
    def finish(self) -> None: ...
    def parse(self) -> bool: ...
    def run(self) -> None: ...
    def rows(self) -> bytes: ...
