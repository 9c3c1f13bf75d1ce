"""All measurements, by name, in the order of the page. The next one goes here."""

from collections.abc import Callable, Coroutine
from typing import Final

from bench import (
    api_keys,
    flood,
    ground,
    http_verify,
    jwt_first_sight,
    jwt_seen,
    methods,
    oauth_tokens,
    revocation,
    sign_in,
    signatures,
    start,
)
from bench.rounds import Effort
from bench.row import Row

Measure = Callable[[Effort], Coroutine[None, None, list[Row]]]

MEASUREMENTS: Final[dict[str, Measure]] = {
    "jwt_first_sight": jwt_first_sight.measure,
    "jwt_seen_before": jwt_seen.measure,
    "api_keys": api_keys.measure,
    "methods": methods.measure,
    "signatures": signatures.measure,
    "http_verify": http_verify.measure,
    "oauth_tokens": oauth_tokens.measure,
    "flood": flood.measure,
    "revocation": revocation.measure,
    "start": start.measure,
    "sign_in": sign_in.measure,
    "ground": ground.measure,
}
ON_DEMAND: Final[dict[str, Measure]] = {"api_keys_large": api_keys.measure_large}
