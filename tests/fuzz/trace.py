"""How much of the compiled code ran: the block counters of the sanitizer build."""

from __future__ import annotations

import ctypes


class Trace:
    """Reads the counters; without them ``available`` is false and all stays at 0."""

    def __init__(self) -> None:
        program = ctypes.CDLL(None)
        self.available = hasattr(program, "fuzz_blocks")
        self._blocks = self._fresh = ctypes.c_uint64(0)
        if self.available:
            self._blocks = ctypes.c_uint64.in_dll(program, "fuzz_blocks")
            self._fresh = ctypes.c_uint64.in_dll(program, "fuzz_fresh")

    @property
    def blocks(self) -> int:
        """Basic blocks executed so far: a measure of work that no clock disturbs."""
        return self._blocks.value

    @property
    def fresh(self) -> int:
        """Different ones among them."""
        return self._fresh.value
