"""What a viewer shows."""
