"""`make mutate`: takes away one guard after another and sees a named test fail.

A guard that nothing misses is either not needed or not tested; both are worth knowing. `guards.py` lists them.
"""
