"""Floor 0: nouns and rules. Standard library only; no I/O, no clock, no randomness."""
