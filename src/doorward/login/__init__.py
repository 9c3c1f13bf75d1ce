"""Floor 4: how a person signs in, and what a session of theirs is."""
