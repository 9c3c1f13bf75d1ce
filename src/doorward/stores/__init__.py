"""Floor 2: the ports of `core.store` made real. Imports core; never methods, never crypto."""
