"""Other implementations beside ours, in one run."""
