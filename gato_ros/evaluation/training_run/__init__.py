"""A training from demonstrations on disk to weights: what is asked for, the data, the run, success meanwhile."""
