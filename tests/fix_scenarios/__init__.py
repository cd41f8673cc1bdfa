"""Scripted dialogues: the session layer with an echo behind it, and the exchange."""
