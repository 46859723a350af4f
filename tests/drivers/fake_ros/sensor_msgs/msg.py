"""ROS 1's, not ROS 2's."""

from rospy import Message


class JointState(Message):
    pass
