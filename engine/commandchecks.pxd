cdef extern from *:
    """
    /* A fee is at most the whole value. */
    #define FIXGW_FEE_RATE_MAX 100000000LL
    /* A volatility auction is of one day. */
    #define FIXGW_VOLATILITY_NS_MAX 86400000000000LL
    """
    const long long FEE_RATE_MAX "FIXGW_FEE_RATE_MAX"
    const long long VOLATILITY_NS_MAX "FIXGW_VOLATILITY_NS_MAX"
