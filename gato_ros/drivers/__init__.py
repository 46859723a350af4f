"""The robot's side of the wire: one driver per kind of arm, all with the seam `core.driver.RobotDriver`. No ROS 2."""
