"""Whether a robot is ready to move: judgements over a snapshot of it."""
