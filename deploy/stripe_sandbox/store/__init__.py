"""What the sandbox remembers: one SQLite file, one connection, one thread.

Everything that happens in one request happens in one transaction, and no transaction waits for anything:
so ten payments at once stand in line by themselves. Write-ahead logging keeps every committed transaction
through a
`kill -9` of the process.
"""
