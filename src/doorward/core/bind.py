"""Proofs shown together: do they belong together, and who is it then?"""

from collections.abc import Iterable, Mapping
from typing import Final

from doorward.core.account import PERSON
from doorward.core.errors import Refused, Why
from doorward.core.policy import Alternative, Binder, Bond
from doorward.core.proof import NO_KEYS, Principal, Proof

USER_METHODS: Final = frozenset({"jwt", "access_token", "session"})
"""Methods that speak for the person in `app_and_user`; the others speak for the application."""
DPOP: Final = "dpop"
"""The proof that the gate adds for a token that is bound to a key; no policy names it as a method."""
_JKT: Final = "jkt:"
_NOT_SHOWN: Final = "The token is bound to a key that this request does not prove."


def needs_dpop(way: Alternative, proofs: Mapping[str, Proof]) -> bool:
    """Whether a token of these is bound to a key that none of those bound to it by `same_key` has shown."""
    for method in way.methods:
        if proofs[method].bound_to and any(key.startswith(_JKT) for key in proofs[method].bound_to - _beside(way, method, proofs)):
            return True
    return any(bond.bind is Binder.DPOP for bond in way.bonds)


def bind(way: Alternative, proofs: Mapping[str, Proof], certificate: str | None = None) -> Principal:
    """The principal of all proofs of this alternative. `certificate`: the key of the one that the connection showed.

    Raises Refused: NOT_BOUND, NO_PROOF_OF_KEY, BAD_DPOP.
    """
    if len(way.methods) == 1 and not way.bonds and not proofs[way.methods[0]].bound_to:
        return _alone(proofs[way.methods[0]])
    shown = tuple(proofs[method] for method in way.methods)
    proven = frozenset((certificate,)) if certificate is not None else frozenset[str]()
    if (dpop := proofs.get(DPOP)) is not None:
        proven |= dpop.keys
    for proof in shown:
        _check_keys(proof, proven | _beside(way, proof.method, proofs), dpop)
    subject, client = shown[0].subject, next((proof.client for proof in shown if proof.client is not None), None)
    for bond in way.bonds:
        bound = [proofs[method] for method in bond.methods]
        if bond.bind is Binder.APP_AND_USER:
            subject, client = _app_and_user(bond, proofs)
        elif bond.bind is Binder.SAME_SUBJECT:
            _same_subject(bound)
        elif bond.bind is Binder.DPOP:
            _dpop(bound, dpop)
        elif bond.bind is Binder.SAME_KEY:
            subject, client = _same_key(bound, proven)
    return Principal(
        subject=subject,
        client=client,
        scopes=intersect(proof.scopes for proof in shown),
        roles=frozenset(role for proof in shown if proof.subject == subject for role in proof.roles),
        claims=next((proof.claims for proof in shown if proof.subject == subject), {}),
        proofs=shown if dpop is None else (*shown, dpop),
    )


def _beside(way: Alternative, method: str, proofs: Mapping[str, Proof]) -> frozenset[str]:
    """The keys that were shown by what the policy joins with this method by `same_key`. None count for a token in a cookie, which
    nothing that is shown beside it covers."""
    if proofs[method].csrf is not None:
        return NO_KEYS
    beside = (other for bond in way.bonds if bond.bind is Binder.SAME_KEY and method in bond.methods for other in bond.methods)
    return frozenset(key for other in beside for key in proofs[other].keys)


def _check_keys(proof: Proof, proven: frozenset[str], dpop: Proof | None) -> None:
    """RFC 9449 section 7.1, RFC 8705 section 3: all keys that it is bound to, and the DPoP proof made for this very token."""
    if not proof.bound_to <= proven:
        raise Refused(Why.NO_PROOF_OF_KEY, _NOT_SHOWN)
    if dpop is not None and not dpop.keys.isdisjoint(proof.bound_to) and dpop.ath != proof.ath:
        raise Refused(Why.BAD_DPOP, note="ath is not of this token")


def _dpop(bound: list[Proof], dpop: Proof | None) -> None:
    if dpop is None or any(proof.bound_to.isdisjoint(dpop.keys) for proof in bound):
        raise Refused(Why.NO_PROOF_OF_KEY, "This route takes tokens that are bound to a DPoP key (RFC 9449).")


def _same_key(bound: list[Proof], proven: frozenset[str]) -> tuple[str, str | None]:
    """Subject and client: a token says for whom, what holds the key is the application."""
    shown = proven.union(*(proof.keys for proof in bound))
    if not shown.intersection(*(proof.keys | proof.bound_to for proof in bound)):
        raise Refused(Why.NOT_BOUND, "The credentials sent together are not of one key.")
    token = next((proof for proof in bound if proof.method in USER_METHODS), None)
    holder = next((proof for proof in bound if proof is not token), None)
    named = token or bound[0]
    return named.subject, named.client if named.client is not None or holder is None else holder.subject


def _alone(proof: Proof) -> Principal:
    """What most requests come to: one credential, nothing to bind."""
    return Principal(
        subject=proof.subject,
        client=proof.client,
        scopes=proof.scopes if proof.scopes is not None else frozenset(),
        roles=proof.roles,
        claims=proof.claims,
        proofs=(proof,),
    )


def _same_subject(bound: list[Proof]) -> None:
    if len({proof.subject for proof in bound}) != 1:
        raise Refused(Why.NOT_BOUND, "The credentials sent together are of different subjects.")


def _app_and_user(bond: Bond, proofs: Mapping[str, Proof]) -> tuple[str, str]:
    """Subject and client: the token names the person, the other credential the application (DECISIONS 2)."""
    bound = [proofs[method] for method in bond.methods]
    users = [proof for proof in bound if proof.method in USER_METHODS]
    apps = [proof for proof in bound if proof.method not in USER_METHODS]
    if len(users) != 1 or len(apps) != 1:
        raise Refused(Why.NOT_BOUND, note="app_and_user binds one application's credential and one person's")
    user, app = users[0], apps[0]
    if app.owner_kind == PERSON:
        raise Refused(Why.NOT_BOUND, "The key must belong to an application, not to a person.")
    if user.client is not None and user.client != app.subject and user.issuer is None:  # another issuer's clients are none of ours
        raise Refused(Why.NOT_BOUND, "The token was issued to another application than the key's owner.")
    return user.subject, app.subject


def intersect(scopes: Iterable[frozenset[str] | None]) -> frozenset[str]:
    """What all that carry scopes allow; no scopes at all if none carries any."""
    carried = [each for each in scopes if each is not None]
    return frozenset.intersection(*carried) if carried else frozenset()
