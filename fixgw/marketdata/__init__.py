"""Market data as a pure function of the shards' events, and its messages in FIX."""
