"""Whether an episode may be learned from and exported."""
