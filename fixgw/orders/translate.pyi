from fixgw.wire import Message

class Refusal:
    session_reject: int | None
    business_reject: int | None
    tag: int
    text: str

def order_command(
    message: Message,
    session: int,
    epoch: int,
    msg_seq_num: int,
    source: int,
    receive_time: int,
) -> bytes | Refusal: ...
