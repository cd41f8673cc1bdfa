from typing_extensions import Buffer

MESSAGE_BYTES_MAX: int

class Garbled:
    reason: str
    raw: bytes
    def __init__(self, reason: str, raw: bytes) -> None: ...

class Message:
    raw: bytes
    msg_type: str
    def get(self, tag: int) -> bytes | None: ...
    def fields(self) -> list[tuple[int, bytes]]: ...

class Framer:
    message_bytes_max: int
    pending: int
    def __init__(self, message_bytes_max: int = ...) -> None: ...
    def feed(self, data: Buffer) -> list[Message | Garbled]: ...

def parse_message(data: bytes) -> Message | Garbled: ...
