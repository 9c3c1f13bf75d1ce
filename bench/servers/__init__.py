"""Authorization servers of others, as their documentation has them, each a process: what /oauth is held against."""
