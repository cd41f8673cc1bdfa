VALUE_INCORRECT: int
FORMAT_INCORRECT: int
CONDITIONALLY_REQUIRED: int

class Refusal:
    session_reject: int | None
    business_reject: int | None
    tag: int
    text: str
    def __init__(
        self,
        session_reject: int | None,
        business_reject: int | None,
        tag: int,
        text: str,
    ) -> None: ...

def required(tag: int, text: str) -> Refusal: ...
def incorrect(tag: int, text: str) -> Refusal: ...
