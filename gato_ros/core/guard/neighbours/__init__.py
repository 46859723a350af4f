"""Other arms that reach into this arm's room."""
