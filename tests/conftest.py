import signal

# A shell without job control starts background jobs with Ctrl-C ignored, and their children inherit it: tests
# that interrupt a command would then wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
