"""Named facts of the installation, and the leases of background jobs."""

from typing import Final

GET: Final = "SELECT value FROM facts WHERE name = $1"
PUT: Final = "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
LEASE: Final = """INSERT INTO leases (job, holder, until) VALUES ($1, $2, $4)
ON CONFLICT (job) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE leases.holder = excluded.holder OR leases.until <= $3 RETURNING job"""
