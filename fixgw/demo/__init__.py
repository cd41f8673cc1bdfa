"""Simulated traders, and a look at the market they make: ``fixgw demo``."""
