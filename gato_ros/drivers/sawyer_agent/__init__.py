"""What runs on the Sawyer's ROS 1 side; `frames` is read by our side as well. Python 3.8; docs/how-to/drivers.md."""
