"""Speed, peers and kill tests. Not needed to drive a robot."""
