"""A real PostgreSQL of our own: found, set up once, started, stopped, and healed after any death.

Owns one folder: `data/` (the cluster), `owner.password`, `postgres.log` and `lock`, which is held as long as
the launcher lives. It listens on 127.0.0.1 only, with a password. Never `pgserver.get_server()`: that one
reported success on a dead server.

programs     which installation is run
identity     as which user, for root may not
cluster      the data, made once
postmaster   what is known of the process that serves the data, and ending one that was left
launch       the server's life
"""

from deploy.local.postgres.cluster import DATABASE, OWNER
from deploy.local.postgres.launch import PostgresServer

__all__ = ["DATABASE", "OWNER", "PostgresServer"]
