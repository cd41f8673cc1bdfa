"""``fixgw log``: FIX messages out of any log, as text a person can read."""
