"""Episodes on disk: write, read, verify, label."""
