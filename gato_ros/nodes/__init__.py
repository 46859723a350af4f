"""The ROS edge: the only place that imports rclpy."""
