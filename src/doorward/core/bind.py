"""Proofs shown together: do they belong together, and who is it then?"""

from collections.abc import Iterable, Mapping
from typing import Final

from doorward.core.account import PERSON
from doorward.core.errors import Refused, Why
from doorward.core.policy import Alternative, Binder, Bond
from doorward.core.proof import Principal, Proof

USER_METHODS: Final = frozenset({"jwt", "access_token", "session"})
"""Methods that speak for the person in `app_and_user`; the others speak for the application."""


def bind(way: Alternative, proofs: Mapping[str, Proof]) -> Principal:
    """The principal of all proofs of this alternative. Raises Refused(NOT_BOUND)."""
    if len(way.methods) == 1 and not way.bonds:
        return _alone(proofs[way.methods[0]])
    shown = tuple(proofs[method] for method in way.methods)
    subject, client = shown[0].subject, next((proof.client for proof in shown if proof.client is not None), None)
    for bond in way.bonds:
        bound = [proofs[method] for method in bond.methods]
        if bond.bind is Binder.APP_AND_USER:
            subject, client = _app_and_user(bond, proofs)
        elif bond.bind is Binder.SAME_SUBJECT:
            _same_subject(bound)
        elif bond.bind is not Binder.INDEPENDENT:
            raise Refused(Why.NOT_BOUND, note=f"no {bond.bind.value} here")
    return Principal(
        subject=subject,
        client=client,
        scopes=intersect(proof.scopes for proof in shown),
        roles=frozenset(role for proof in shown if proof.subject == subject for role in proof.roles),
        claims=next((proof.claims for proof in shown if proof.subject == subject), {}),
        proofs=shown,
    )


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
    if user.client is not None and user.client != app.subject:
        raise Refused(Why.NOT_BOUND, "The token was issued to another application than the key's owner.")
    return user.subject, app.subject


def intersect(scopes: Iterable[frozenset[str] | None]) -> frozenset[str]:
    """What all that carry scopes allow; no scopes at all if none carries any."""
    carried = [each for each in scopes if each is not None]
    return frozenset.intersection(*carried) if carried else frozenset()
