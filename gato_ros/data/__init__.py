"""Episodes on disk: write, verify, read, and frames for training."""
