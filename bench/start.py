"""What it costs to begin: importing the library, starting the server, an idle worker's memory."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import place
from bench.rounds import Effort
from bench.row import Goal, Row, alone

IMPORT = Goal(number=0.3, at_most=True)
START = Goal(number=1.5, at_most=True)
MEMORY = Goal(number=90, at_most=True)


async def measure(effort: Effort) -> list[Row]:
    names, imports, starts, memory = [], [], [], []
    with place.made() as home:
        for _ in range(effort.rounds):
            names.append(seconds_of("import doorward") - seconds_of("pass"))
            imports.append(seconds_of("import doorward, doorward.app") - seconds_of("pass"))
            began = time.perf_counter()
            async with place.served(home) as server:
                starts.append(time.perf_counter() - began)
                await asyncio.sleep(0.5)
                memory.append(resident(server.pid))
    return [
        alone(
            "start-names",
            "import of doorward: its names",
            "s",
            names,
            IMPORT,
            "beyond a bare interpreter; the rest when a name is asked for",
        ),
        alone("start-import", "import of doorward and doorward.app", "s", imports, IMPORT, "beyond a bare interpreter"),
        alone("start-serve", "doorward serve until /readyz answers 200", "s", starts, START),
        alone("start-memory", "resident memory of an idle worker", "MB", memory, MEMORY),
    ]


def seconds_of(statement: str) -> float:
    command: Sequence[str] = [sys.executable, "-c", statement]
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began


def resident(pid: int) -> float:
    """Megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1000
