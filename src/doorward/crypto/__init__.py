"""Floor 1: pure functions over bytes. The only floor that imports cryptography, argon2, bcrypt and joserfc."""
