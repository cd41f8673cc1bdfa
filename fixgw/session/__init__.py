"""The FIX session layer without input or output: bytes and time in, effects out."""
