"""Deterministic matching engines: commands in, events out.

A shard is a pure function of its command log. Nothing in this package imports
``fixgw``, and nothing outside :mod:`engine.journal` and :mod:`engine.host` touches a
clock, a file, a socket or a random source.
"""
