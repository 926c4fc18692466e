"""Other systems: siblings, upstreams, mail."""
