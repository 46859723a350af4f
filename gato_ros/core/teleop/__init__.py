"""What an operator's hands say, as mathematics."""
