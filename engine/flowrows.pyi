FAULT_TEXTS: tuple[str, ...]
HEADER: bytes
