"""The market-wide circuit breaker: follows every shard, and halts them all."""
