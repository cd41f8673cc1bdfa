from collections.abc import Sequence

def find_columns(
    header: Sequence[str], known: Sequence[str], required: Sequence[str]
) -> list[int]: ...
