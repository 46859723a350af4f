import os
import signal

# A shell without job control starts background jobs with Ctrl-C ignored, and their children inherit it: tests
# that interrupt a command would then wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What tests compile stays out of the user's cache, and they do not depend on what is in it.
os.environ["GATO_ROS_COMPILATION_CACHE"] = "off"
