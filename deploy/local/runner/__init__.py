"""`make run`: the whole stack as processes of this machine, watched by one runner.

main         the command line, and failures in words
stack        the order of it all
signals      what asks the runner to end
data_folder  the folder, one runner's own
addresses    the ports that are listened on
servers      PostgreSQL and Redis
keyring      secrets, generated once
programs     what is started, with which arguments and which part of the environment
migrations   the schemas, where they are not yet as they should be
fleet        all programs together
supervisor   start, readiness, restart, end of each
orphans      what a killed runner left behind
stack_file   stack.json, by which scripts and tests find the stack
greeting     where everything is, in words
story        the lines to paste
"""
