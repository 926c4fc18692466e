"""`make run`: the whole stack as processes of this machine, watched by one runner.

keyring      secrets, generated once
programs     what is started, with which arguments and which part of the environment
supervisor   start, readiness, restart, end of each
orphans      what a killed runner left behind
stack_file   stack.json, by which scripts and tests find the stack
story        the lines to paste
main         the order of it all
"""
