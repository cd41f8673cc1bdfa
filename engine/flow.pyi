from collections.abc import Sequence

from engine.flowrows import FAULT_TEXTS, HEADER
from engine.shard import Shard

__all__ = ["COLUMNS", "FAULT_TEXTS", "HEADER", "REQUIRED", "Flow"]

COLUMNS: tuple[str, ...]
REQUIRED: tuple[str, ...]

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
