"""Constants as in intera_core_msgs."""

from rospy import Message


class RobotAssemblyState(Message):
    ESTOP_BUTTON_UNPRESSED, ESTOP_BUTTON_PRESSED, ESTOP_BUTTON_UNKNOWN, ESTOP_BUTTON_RELEASED = range(4)


class HomingState(Message):
    HOMED, HOMING, NOT_HOMED = range(3)


class HomingCommand(Message):
    NONE, MANUAL, AUTO = range(3)
