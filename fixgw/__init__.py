"""A FIX exchange gateway with deterministic matching engines behind it."""

__version__ = "0.1.0"
