"""A training from demonstrations on disk to weights: options, data, the run, success meanwhile."""
