"""The side door: REST and WebSocket, another way in to the same shards."""
