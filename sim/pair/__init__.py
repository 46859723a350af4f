"""Arms beside each other over one basket."""
