"""The words of an order flow, and the codes of the records they stand for. Compiled."""

import cython
from cython.cimports.engine.flowrows import (
    OP_CANCEL,
    OP_END_OF_DAY,
    OP_MASS_CANCEL,
    OP_NEW,
    OP_PHASE,
    OP_REPLACE,
    OP_TICK,
    OP_UNKNOWN,
)
from cython.cimports.engine.records import (
    ORD_TYPE_LIMIT,
    ORD_TYPE_MARKET,
    ORD_TYPE_MARKET_TO_LIMIT,
    ORD_TYPE_PEGGED,
    ORD_TYPE_STOP,
    ORD_TYPE_STOP_LIMIT,
    SIDE_BUY,
    SIDE_SELL,
    TIF_AT_THE_CLOSE,
    TIF_AT_THE_OPENING,
    TIF_DAY,
    TIF_FOK,
    TIF_GOOD_FOR_AUCTION,
    TIF_GTC,
    TIF_GTD,
    TIF_IOC,
)


def find_op(field):
    if is_word(field.text, field.size, b"new"):
        return OP_NEW
    if is_word(field.text, field.size, b"cancel"):
        return OP_CANCEL
    if is_word(field.text, field.size, b"replace"):
        return OP_REPLACE
    if is_word(field.text, field.size, b"phase"):
        return OP_PHASE
    if is_word(field.text, field.size, b"mass_cancel"):
        return OP_MASS_CANCEL
    if is_word(field.text, field.size, b"end_of_day"):
        return OP_END_OF_DAY
    if is_word(field.text, field.size, b"tick"):
        return OP_TICK
    return OP_UNKNOWN


def find_side(field):
    """Side(54), or 0 for a word that is none."""
    if is_word(field.text, field.size, b"buy"):
        return SIDE_BUY
    if is_word(field.text, field.size, b"sell"):
        return SIDE_SELL
    return 0


def find_type(field):
    """OrdType(40), or 0 for a word that is none."""
    if is_word(field.text, field.size, b"limit"):
        return ORD_TYPE_LIMIT
    if is_word(field.text, field.size, b"market"):
        return ORD_TYPE_MARKET
    if is_word(field.text, field.size, b"stop"):
        return ORD_TYPE_STOP
    if is_word(field.text, field.size, b"stop_limit"):
        return ORD_TYPE_STOP_LIMIT
    if is_word(field.text, field.size, b"market_to_limit"):
        return ORD_TYPE_MARKET_TO_LIMIT
    if is_word(field.text, field.size, b"pegged"):
        return ORD_TYPE_PEGGED
    return 0


def find_tif(field):
    """TimeInForce(59), or 0 for a word that is none."""
    if is_word(field.text, field.size, b"day"):
        return TIF_DAY
    if is_word(field.text, field.size, b"gtc"):
        return TIF_GTC
    if is_word(field.text, field.size, b"ioc"):
        return TIF_IOC
    if is_word(field.text, field.size, b"fok"):
        return TIF_FOK
    if is_word(field.text, field.size, b"gtd"):
        return TIF_GTD
    if is_word(field.text, field.size, b"opg"):
        return TIF_AT_THE_OPENING
    if is_word(field.text, field.size, b"atc"):
        return TIF_AT_THE_CLOSE
    if is_word(field.text, field.size, b"gfa"):
        return TIF_GOOD_FOR_AUCTION
    return 0


def needs_price(ord_type, op):
    """Whether an empty price is a mistake. A replace need not say its type: then only
    the shard knows."""
    if ord_type == 0 or ord_type == ORD_TYPE_LIMIT:
        return True
    return ord_type == ORD_TYPE_STOP_LIMIT and op == OP_NEW


def find_word(field, words, count):
    """The place of the word the field is, in any case; -1 for none of them."""
    i: cython.int
    for i in range(count):
        if is_word(field.text, field.size, words[i]):
            return i
    return -1


def is_word(text, size, word):
    """Whether the text is ``word``, which is in lower case, in any case."""
    i: cython.Py_ssize_t
    for i in range(size):
        # An underscore is no letter: it has no other case.
        if word[i] == 0 or (
            text[i] != cython.cast(cython.uchar, word[i])
            and (text[i] | 32) != cython.cast(cython.uchar, word[i])
        ):
            return False
    return word[size] == 0
