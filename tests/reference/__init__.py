"""Slow, plain models the compiled code is compared with, and the tools to do it."""
