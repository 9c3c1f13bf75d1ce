"""The limits that a request is charged, each once (`core.limit` is the arithmetic, a store's Meter keeps the counts)."""

from collections.abc import Callable

from doorward.core.address import counted_as, failures_key
from doorward.core.case import Case
from doorward.core.errors import Refused, Why
from doorward.core.limit import Rate
from doorward.core.store import Meter


async def look_at_the_address(
    case: Case, meter: Meter, address: Rate | None, failures: Rate | None, shows_a_guess: Callable[[Case], bool]
) -> None:
    """Raises Refused: RATE_LIMITED, TOO_MANY_FAILURES (only whoever shows something that can be guessed)."""
    where = counted_as(case.request.counted)
    if where is not None and address is not None:
        await take(case, meter, f"address:{where}", address)
    key = failures_key(case.request.counted)
    if failures is None or key is None or case.principal is not None or not shows_a_guess(case):
        return
    said = await meter.look(key, failures, case.now)
    if not said.allowed:
        raise Refused(Why.TOO_MANY_FAILURES, "Too many failed tries from this address; wait.", retry_after=said.retry_after)


async def limit_principal(case: Case, meter: Meter, principal: Rate | None) -> None:
    """Each credential's own rate, the route's, and that over all routes. Raises Refused(RATE_LIMITED)."""
    route = case.its_route
    if case.principal is None:
        if route.rate is not None:  # open to anyone: nobody is known, so each address is counted
            await take(case, meter, f"open:{route.meter}:{counted_as(case.request.address)}", route.rate)
        return
    for proof in case.principal.proofs:
        if proof.rate is not None:
            await take(case, meter, f"credential:{proof.credential_id}", proof.rate)
    if route.rate is not None:
        await take(case, meter, f"route:{route.meter}:{case.principal.subject}", route.rate)
    if principal is not None:
        await take(case, meter, f"principal:{case.principal.subject}", principal)


async def take(case: Case, meter: Meter, key: str, rate: Rate) -> None:
    said = case.taken_before(key, rate) or await meter.take(key, rate, case.now)
    case.taken[key] = said
    case.verdicts.append(said)
    if not said.allowed:
        raise Refused(Why.RATE_LIMITED, f"The limit of {rate} is used up; wait.", retry_after=said.retry_after)
