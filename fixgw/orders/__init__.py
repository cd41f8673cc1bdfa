"""FIX messages to commands, events to reports, and which shard a symbol belongs to."""
