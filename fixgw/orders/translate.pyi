from fixgw.orders.reading import Refusal as Refusal
from fixgw.wire import Message

def order_command(
    message: Message,
    session: int,
    epoch: int,
    msg_seq_num: int,
    source: int,
    receive_time: int,
    self_match: int = 0,
) -> bytes | Refusal: ...
