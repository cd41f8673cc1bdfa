"""The terminal client: a FIX 4.4 session with which to try the exchange by hand.

Its messages are built and read by simplefix, not by the codec of the exchange, so that
the codec is never its own judge.
"""

from fixgw.client.command import client

__all__ = ["client"]
