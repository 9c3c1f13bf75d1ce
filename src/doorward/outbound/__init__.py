"""FLOOR 2: what we ask of others."""
