"""Floor 2: one file, one way to prove who calls."""
