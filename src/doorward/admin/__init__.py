"""Floor 4: the operator's use-cases. One function = one command = one transaction = one event."""
