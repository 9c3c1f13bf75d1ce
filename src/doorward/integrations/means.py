"""What a door needs to decide, and what it tells with an answer: the same for every framework."""

import os
from dataclasses import dataclass

from doorward.core.case import Case
from doorward.core.clock import Entropy
from doorward.core.gate import Gate
from doorward.web.answer import Answerer, rate_limit, warnings
from doorward.web.asgi import Fields
from doorward.web.body import LARGEST
from doorward.web.outcome import Observe, ignore
from doorward.web.proxy import Proxies


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """`app.Doorward` gives it once it has started."""

    gate: Gate
    answerer: Answerer
    proxies: Proxies
    entropy: Entropy = os.urandom
    largest_body: int = LARGEST
    observe: Observe = ignore


def told(case: Case) -> Fields:
    """The fields that go with an answer: the request id, what is left of the rate, and warnings."""
    return [(b"x-request-id", case.request.id.encode("latin-1")), *rate_limit(case.tightest), *warnings(case)]
