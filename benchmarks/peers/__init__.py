"""Who is measured beside us. Each in a folder of its own; `contract.py` says what a peer is."""

from benchmarks.peers.contract import Peer
from benchmarks.peers.fastify import Fastify, FastifyByUndici
from benchmarks.peers.naive import Naive
from benchmarks.peers.nginx import Nginx

PEERS: dict[str, type[Peer]] = {one.name: one for one in (Naive, Nginx, Fastify, FastifyByUndici)}
DEFAULT_PEERS = ("naive", "nginx", "fastify")
