from collections.abc import Mapping

from typing_extensions import Buffer

from fixgw.wire.message import Garbled, Message

MESSAGE_BYTES_MAX: int

class Framer:
    message_bytes_max: int
    message_fields_max: int
    pending: int
    def __init__(
        self,
        message_bytes_max: int = ...,
        message_fields_max: int = ...,
        data_lengths: Mapping[int, int] | None = None,
    ) -> None: ...
    def limit(
        self,
        message_bytes_max: int,
        message_fields_max: int,
        data_lengths: Mapping[int, int] | None = None,
    ) -> None: ...
    def feed(self, data: Buffer) -> list[Message | Garbled]: ...
