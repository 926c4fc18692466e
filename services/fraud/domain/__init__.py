"""Rules and values of fraud: pure, without I/O."""
