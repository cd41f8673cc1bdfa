"""The exchange as its users meet it: real processes, real sockets, a foreign engine."""
