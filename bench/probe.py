"""One caller who asks the same thing again and again, and how long each answer took: a plain socket, no client between."""

import asyncio
import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Probe:
    """`took` in seconds; `refused` answers that are not 200."""

    port: int
    request: bytes
    pause: float = 0.0
    took: list[float] = field(default_factory=list)
    refused: int = 0

    async def run(self, seconds: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            end = time.perf_counter() + seconds
            while (began := time.perf_counter()) < end:
                writer.write(self.request)
                status = await answered(reader)
                self.took.append(time.perf_counter() - began)
                self.refused += status != 200
                if self.pause:
                    await asyncio.sleep(self.pause)
        finally:
            writer.close()


async def answered(reader: asyncio.StreamReader) -> int:
    """The status; the whole answer is read. Raises ConnectionError."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as reason:
        raise ConnectionError("the server closed the connection") from reason
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    if length:
        await reader.readexactly(length)
    return int(head[9:12])


def percentile(values: list[float], part: float) -> float:
    """Nearest rank. Raises IndexError for no values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
