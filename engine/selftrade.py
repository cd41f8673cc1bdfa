"""Whether two orders are of one owner. Compiled.

What happens when they would meet is the taker's to say: see :mod:`engine.matching`.
"""

from cython.cimports.libc.string import memcmp


def same_owner(one, other):
    """SelfMatchPreventionID(2362) decides if either has one, else Account(1); orders
    without either are of nobody."""
    if one.stp_id[0] != 0 or other.stp_id[0] != 0:
        return memcmp(one.stp_id, other.stp_id, 12) == 0
    return one.account[0] != 0 and memcmp(one.account, other.account, 24) == 0
