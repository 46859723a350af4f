"""One set of weights for all domains: what it is learned from, and the stages that make it."""
