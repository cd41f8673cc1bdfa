"""Single fields of an order message, read into memory. Compiled, for other compiled
modules; and how all of them say what is wrong with one.

Each function copies a field where it is told, changes nothing if there is none, and
gives None, or the Refusal that the message is to be answered with.
"""

import cython
from cython.cimports.engine.decimals import (
    DECIMAL_OUT_OF_RANGE,
    DECIMAL_TOO_PRECISE,
    parse_decimal,
)
from cython.cimports.fixgw.wire.message import Field
from cython.cimports.libc.string import memcpy

VALUE_INCORRECT = 5
"""SessionRejectReason(373): the value is outside what this field may hold here."""

FORMAT_INCORRECT = 6
"""SessionRejectReason(373): the value is not in the format of its field."""

CONDITIONALLY_REQUIRED = 5
"""BusinessRejectReason(380)."""


class Refusal:
    """Why a message cannot become a command.

    ``session_reject`` is a SessionRejectReason(373) or None; then ``business_reject``
    is a BusinessRejectReason(380). ``tag`` is the field to blame.
    """

    __slots__ = ("business_reject", "session_reject", "tag", "text")

    def __init__(self, session_reject, business_reject, tag: int, text: str) -> None:
        self.session_reject = session_reject
        self.business_reject = business_reject
        self.tag = tag
        self.text = text


def required(tag: int, text: str):
    """The Refusal of a message without a field that others of its fields ask for."""
    return Refusal(None, CONDITIONALLY_REQUIRED, tag, text)


def incorrect(tag: int, text: str):
    """The Refusal of a value that cannot be honoured."""
    return Refusal(VALUE_INCORRECT, None, tag, text)


def yes(message, tag):
    """Whether a field is there and says Y."""
    field: cython.pointer(cython.const[Field]) = message.find(tag)
    return (
        field != cython.NULL
        and field.size == 1
        and cython.cast(cython.p_char, message.raw)[field.start] == 0x59
    )


def text(message, tag, out, most):
    """Copies a text field of at most ``most`` printable ASCII bytes."""
    field: cython.pointer(cython.const[Field]) = message.find(tag)
    data: cython.p_char = message.raw
    i: cython.int
    if field == cython.NULL:
        return None
    if field.size > most:
        return Refusal(
            VALUE_INCORRECT, None, tag, f"at most {most} characters are possible here"
        )
    for i in range(field.size):
        if not 0x20 <= data[field.start + i] <= 0x7E:
            return Refusal(
                VALUE_INCORRECT, None, tag, "only printable ASCII is possible here"
            )
    memcpy(out, data + field.start, field.size)
    return None


def char(message, tag, out):
    """Copies a field of one character."""
    field: cython.pointer(cython.const[Field]) = message.find(tag)
    if field == cython.NULL:
        return None
    value: cython.char
    if field.size != 1:
        return Refusal(FORMAT_INCORRECT, None, tag, "one character is expected")
    value = cython.cast(cython.p_char, message.raw)[field.start]
    if not 0x21 <= value <= 0x7E:
        return Refusal(FORMAT_INCORRECT, None, tag, "one character is expected")
    out[0] = cython.cast(
        cython.uchar, cython.cast(cython.p_char, message.raw)[field.start]
    )
    return None


def decimal(message, tag, out):
    """Reads a decimal into units of 1e-8."""
    field: cython.pointer(cython.const[Field]) = message.find(tag)
    data: cython.p_char = message.raw
    if field == cython.NULL:
        return None
    code: cython.int = parse_decimal(
        cython.cast(cython.pointer(cython.uchar), data + field.start), field.size, out
    )
    if code == 0:
        return None
    if code == DECIMAL_TOO_PRECISE:
        return Refusal(
            VALUE_INCORRECT, None, tag, "at most 8 decimal places are possible here"
        )
    if code == DECIMAL_OUT_OF_RANGE:
        return Refusal(VALUE_INCORRECT, None, tag, "the number is too large")
    return Refusal(FORMAT_INCORRECT, None, tag, "this is no decimal number")
