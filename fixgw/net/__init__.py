"""Sockets, timers and files around the sessions: the gateway process."""
