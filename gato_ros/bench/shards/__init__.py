"""Demonstrations by the hundred thousand: start, memory, speed and resumption of a training from shards."""
