"""What a camera costs the control loop."""
