"""Compiled, and of use to compiled modules only."""
