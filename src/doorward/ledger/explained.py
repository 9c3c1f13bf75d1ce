"""What an operator may read of one refusal: which methods matched, how each check ended, and the figures behind it.

Left out: every header value, the query, the body. A signing text is stored as the method gave it, with what may be
secret taken out (DECISIONS 25). Texts, lists and facts are cut, so that a record has at most some 20 KiB.
"""

from collections.abc import Mapping
from typing import Any, Final

from doorward.core.case import Case
from doorward.core.errors import Refused
from doorward.core.gate import ORDER
from doorward.core.proof import Proof

Record = dict[str, Any]
STEPS: Final = tuple(step.__name__ for step in ORDER)
PASSED, REFUSED, NOT_REACHED = "passed", "refused", "not reached"
LONGEST: Final = 512
LONGEST_FACT: Final = 4096
MOST: Final = 32


def explained(case: Case, refused: Refused) -> Record:
    request, route, principal = case.request, case.route, case.principal
    record = explained_early(request.id, refused, case.now) | {
        "address": request.address,
        "told_by": request.told_by,
        "scheme": request.scheme,
        "method": _cut(request.method),
        "path": _cut(request.raw_path),
        "found": sorted(case.shown),
        "proven": sorted(case.proofs),
        "proofs": [_proof(proof, case.now) for proof in list(case.proofs.values())[:MOST]],
        "subject": _cut(principal.subject if principal else next((proof.subject for proof in case.proofs.values()), None)),
        "checks": _checks(case.refused_at),
    }
    if route is not None:
        record["route"], record["policy"] = _cut(route.name), _cut(str(route.allow or "open_to_anyone"))
        if case.way is not None:
            record["way"] = list(case.way.methods)
        if route.scopes and principal is not None:
            record["scopes"] = _asked_and_held(route.scopes, principal.scopes)
        if route.roles and principal is not None:
            record["roles"] = _asked_and_held(route.roles, principal.roles)
    return record


def explained_early(id: str, refused: Refused, at: float) -> Record:
    """Where there is no case: the request could not be read."""
    return {
        "request": id,
        "at": round(at, 3),
        "why": refused.why.name,
        "meaning": refused.why.value,
        "note": _cut(refused.note, LONGEST_FACT),
        "code": refused.code.value,
        "facts": _facts(refused.facts),
    }


def _checks(refused_at: str) -> list[list[str]]:
    """Each of the gate's steps with how it ended. All passed: it was refused behind the gate, by what the door does then."""
    if refused_at not in STEPS:
        return [[step, PASSED] for step in STEPS] + [["the door itself", REFUSED]]
    at = STEPS.index(refused_at)
    return [[step, PASSED if number < at else REFUSED if number == at else NOT_REACHED] for number, step in enumerate(STEPS)]


def _proof(proof: Proof, now: float) -> Record:
    told: Record = {
        "method": proof.method,
        "subject": _cut(proof.subject),
        "client": _cut(proof.client),
        "credential": _cut(proof.credential_id),
        "scopes": None if proof.scopes is None else _listed(proof.scopes),
        "issuer": _cut(proof.issuer),
        "keys": _listed(proof.keys),
        "bound_to": _listed(proof.bound_to),
    }
    if proof.expires_at is not None:
        told["expires_in"] = round(proof.expires_at - now, 3)
    if proof.authenticated_at is not None:
        told["authenticated_ago"] = round(now - proof.authenticated_at, 3)
    return {name: value for name, value in told.items() if value not in (None, [])}


def _asked_and_held(asked: frozenset[str], held: frozenset[str]) -> dict[str, list[str]]:
    return {"asked": _listed(asked), "held": _listed(held), "missing": _listed(asked - held)}


def _facts(facts: Mapping[str, object]) -> Record:
    told: Record = {}
    for name, value in list(facts.items())[:MOST]:
        if isinstance(value, bool | int):
            told[name] = value
        else:
            told[name] = round(value, 3) if isinstance(value, float) else _cut(str(value), LONGEST_FACT)
    return told


def _listed(words: frozenset[str]) -> list[str]:
    return [word[:LONGEST] for word in sorted(words)[:MOST]]


def _cut(text: str | None, longest: int = LONGEST) -> str | None:
    return text if text is None or len(text) <= longest else text[:longest] + "…"
