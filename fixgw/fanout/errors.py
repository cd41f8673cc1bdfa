"""What can go wrong with publishing, by what it takes to go on."""

from __future__ import annotations


class KafkaFailure(Exception):
    """It did not work this time; the text says what. Another attempt may."""


class CannotPublish(Exception):
    """It will not work by itself. The text says why, and what to do."""
