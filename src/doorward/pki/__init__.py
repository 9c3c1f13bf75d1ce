"""Certificates: an authority that signs what holds, profiles that say what must hold, the list of what was revoked."""
