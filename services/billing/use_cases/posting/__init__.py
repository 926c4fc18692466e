"""Group commit: what waits from all requests makes the next transaction (ADR 0014).

asks      an item on its way to its verdict, and the request that it came with
waiting   what waits, by account: bounded, in order within an account, fair between them
swift     a batch of plain charges and holds as rows for one statement, and its verdicts
refusals  who can pay for nothing, found by a look beside the batches
exactly   what can't go that way, beside it
lane      a dedicated connection
poster    takes items, commits batches, answers
"""
