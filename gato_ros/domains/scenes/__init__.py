"""Questions about pictures of the stacking world."""
