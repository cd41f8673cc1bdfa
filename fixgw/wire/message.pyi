from collections.abc import Mapping

MESSAGE_FIELDS_MAX: int

class Garbled:
    reason: str
    raw: bytes
    def __init__(self, reason: str, raw: bytes) -> None: ...

class Message:
    raw: bytes
    msg_type: str
    def get(self, tag: int) -> bytes | None: ...
    def fields(self) -> list[tuple[int, bytes]]: ...

def parse_message(
    data: bytes,
    message_fields_max: int = ...,
    data_lengths: Mapping[int, int] | None = None,
) -> Message | Garbled: ...
