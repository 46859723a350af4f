"""What a policy on a server costs the control loop."""
