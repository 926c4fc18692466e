"""From facts to signals: one file a matter, each a function without I/O."""
