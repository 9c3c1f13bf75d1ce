"""/healthz: this process runs. /readyz: it can decide; 503 with the parts that cannot. /metrics: figures for Prometheus.

/metrics and the reasons of /readyz are for the peers listed in `[health] allow` (this machine by default); others learn
ready or not, and nothing of /metrics.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from doorward.core.store import Store, Unavailable
from doorward.web.arrival import peer_of
from doorward.web.asgi import Answer, Receive, Scope, Send
from doorward.web.metrics import Metrics
from doorward.web.proxy import Proxies

Check = Callable[[], Awaitable[str | None]]
"""None: fine. Else a sentence on what does not answer."""
_PATIENCE: Final = 2.0
_EXPOSITION: Final = b"text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthOptions:
    """`allow`: the networks whose direct peers may read /metrics and the reasons of /readyz."""

    allow: tuple[str, ...] = ("127.0.0.0/8", "::1/128", "unix")

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        for network in self.allow:
            try:
                Proxies([network])
            except ValueError:
                raise ValueError(f"allow: {network!r} is not a network; write such as 127.0.0.1/32, 10.0.0.0/8 or unix") from None


class Health:
    def __init__(self, checks: Mapping[str, Check], metrics: Metrics, options: HealthOptions | None = None) -> None:
        self._checks, self._metrics = checks, metrics
        self._allowed = Proxies((options or HealthOptions()).allow)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        listed = self._allowed.trusts(peer_of(scope))
        if scope["method"] not in ("GET", "HEAD"):
            answer = _json(405, {"detail": "GET or HEAD only."})
        elif scope["path"] == "/healthz":
            answer = _json(200, {"status": "ok"})
        elif scope["path"] == "/readyz":
            reasons = await self.reasons()
            told = {"status": "not ready", "reasons": reasons} if listed else {"status": "not ready"}
            answer = _json(503, told, (b"retry-after", b"1")) if reasons else _json(200, {"status": "ready"})
        elif not listed:
            answer = _json(403, {"detail": "Not for this peer; see [health] allow."})
        else:
            answer = _answer(200, _EXPOSITION, self._metrics.text().encode())
        await answer.send(send, head=scope["method"] == "HEAD")

    async def reasons(self) -> dict[str, str]:
        """What keeps this worker from being ready, by part."""
        names = list(self._checks)
        said = await asyncio.gather(*(_said(self._checks[name]) for name in names))
        return {name: reason for name, reason in zip(names, said, strict=True) if reason is not None}


async def _said(check: Check) -> str | None:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await check()
    except TimeoutError:
        return f"no answer in {_PATIENCE:.0f} s"
    except Unavailable as reason:
        return str(reason)


def store_answers(store: Store) -> Check:
    async def check() -> str | None:
        await store.changes.latest()
        return None

    return check


def holds(condition: Callable[[], bool], otherwise: str) -> Check:
    """For what is asked without waiting: is the watch healthy, is a signing key loaded."""

    async def check() -> str | None:
        return None if condition() else otherwise

    return check


def _json(status: int, told: Mapping[str, object], *more: tuple[bytes, bytes]) -> Answer:
    return _answer(status, b"application/json", json.dumps(told).encode(), *more)


def _answer(status: int, kind: bytes, body: bytes, *more: tuple[bytes, bytes]) -> Answer:
    fields = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store"), *more]
    return Answer(status, fields, body)
