"""Beside the floors: doorward tried from outside. It speaks HTTP and the command line like any stranger."""
