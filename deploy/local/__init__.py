"""The whole of Tollgate on one machine, from Python wheels alone: no Docker, no root, nothing installed."""
