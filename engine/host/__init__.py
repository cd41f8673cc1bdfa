"""The process around a shard: journal, clock, links. The only part of it with
effects."""
