"""Messages to the numbers of an observation: one file for each message type, registered in `registry`.

They read attributes and need no ROS: a message may come from rclpy, from a recording or from an import.
"""
