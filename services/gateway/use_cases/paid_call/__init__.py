"""One paid call, from its key to its last byte.

`paid_api` opens what a process needs; `call` is the order of refusals; `known_price` and `metered_price` are the two
ways to pay. Nothing is forwarded before its charge or hold is durable, and no answer ends before what it says of its
cost is. Whatever goes wrong in between is undone: at once where it can be, else by `undo`, which keeps trying.
"""
