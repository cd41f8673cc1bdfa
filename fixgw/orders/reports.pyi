from typing import Protocol

REPORT_BYTES_MAX: int

class Answers(Protocol):
    def take(self, shard: int, event: bytes) -> bytes: ...

def render_reports(
    events: bytes,
    forms: dict[int, int] | None = None,
    shard: int = 0,
    answers: Answers | None = None,
) -> list[tuple[int, str, bytes]]: ...
def order_id_text(order_id: int) -> str: ...
