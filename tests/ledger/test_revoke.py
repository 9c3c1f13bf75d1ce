import os

import pytest

from doorward.core.credential import Credential
from doorward.core.errors import Why
from doorward.core.event import Kind, Topic
from doorward.core.proof import Proof
from doorward.core.store import Tx
from doorward.ledger.revoke import NotThere, Receipt
from tests.ledger.desk import ADA, Desk, refresh_of
from tests.methods.place import NOW


async def add(desk: Desk, id: str, method: str = "api_key") -> None:
    async def work(tx: Tx) -> None:
        await tx.add_credential(Credential(id=id, method=method, lookup=id, verifier=os.urandom(32), owner="ada", created_at=NOW))

    await desk.store.write(work)


async def last_change(desk: Desk) -> tuple[Topic, str, int]:
    change = (await desk.store.changes.since(0))[-1]
    assert change.until >= desk.now + desk.options.access_life
    return change.topic, change.id, change.seq


@pytest.mark.parametrize(
    ("method", "topic", "kind"), [("api_key", Topic.CREDENTIAL, Kind.KEY_REVOKED), ("session", Topic.SESSION, Kind.SESSION_REVOKED)]
)
async def test_a_credential_ends_with_a_row_and_an_announcement(desk: Desk, method: str, topic: Topic, kind: Kind) -> None:
    await add(desk, "k1", method)
    receipt = await desk.revoke.credential("k1", actor="root", now=NOW, why="leaked")
    assert receipt == Receipt(topic, "k1", NOW, receipt.seq)
    assert await last_change(desk) == (topic, "k1", receipt.seq)
    assert await desk.events() == [kind]
    found = await desk.store.credentials.get("k1")
    assert found is not None
    assert found.revoked_at == NOW


async def test_to_revoke_twice_is_harmless_and_told_again_but_journaled_once(desk: Desk) -> None:
    await add(desk, "k1")
    first = await desk.revoke.credential("k1", actor="root", now=NOW)
    again = await desk.revoke.credential("k1", actor="root", now=NOW + 5)
    assert (first.first, again.first) == (True, False)
    assert again.seq > first.seq
    assert await desk.events() == [Kind.KEY_REVOKED]


async def test_what_is_not_there_is_told_and_nothing_is_written(desk: Desk) -> None:
    for revoking in (
        desk.revoke.credential("none", actor="root", now=NOW),
        desk.revoke.grant("none", actor="root", now=NOW),
        desk.revoke.account("none", actor="root", now=NOW),
    ):
        with pytest.raises(NotThere):
            await revoking
    assert await desk.events() == []
    assert await desk.store.changes.latest() == 0


async def test_one_token_ends_and_the_others_of_its_grant_live(desk: Desk) -> None:
    first = await desk.mint.sign_in(ADA, NOW)
    second = await desk.rotate.refresh(refresh_of(first), "login")
    proof = await desk.prove(first.access_token)
    assert isinstance(proof, Proof)
    receipt = await desk.revoke.token(proof.credential_id, expires_at=NOW + 900, actor="root", now=NOW)
    assert (receipt.what, receipt.id) == (Topic.TOKEN, proof.credential_id)
    assert await desk.prove(first.access_token) is Why.REVOKED
    assert isinstance(await desk.prove(second.access_token), Proof)


async def test_a_grant_takes_all_under_it_and_nothing_else(desk: Desk) -> None:
    first, other = await desk.mint.sign_in(ADA, NOW), await desk.mint.sign_in(ADA, NOW)
    second = await desk.rotate.refresh(refresh_of(first), "login")
    await desk.revoke.grant(first.grant_id, actor="ada", now=NOW)
    for token in (first.access_token, second.access_token):
        assert await desk.prove(token) is Why.REVOKED
    assert await desk.refresh(refresh_of(second)) is Why.REVOKED
    assert isinstance(await desk.prove(other.access_token), Proof)


async def test_a_subject_loses_what_it_has_and_may_sign_in_again_in_the_same_second(desk: Desk) -> None:
    before = await desk.mint.sign_in(ADA, NOW)
    await desk.revoke.subject("ada", actor="root", now=NOW + 0.2)
    desk.now = NOW + 0.4
    after = await desk.mint.sign_in(ADA, desk.now)
    assert await desk.prove(before.access_token) is Why.REVOKED
    assert await desk.refresh(refresh_of(before)) is Why.REVOKED
    assert isinstance(await desk.prove(after.access_token), Proof)
    assert not isinstance(await desk.refresh(refresh_of(after)), Why)


async def test_an_account_that_ends_takes_its_tokens_keys_and_sessions(desk: Desk) -> None:
    issued = await desk.mint.sign_in(ADA, NOW)
    await add(desk, "k1")
    desk.now = NOW + 1
    receipt = await desk.revoke.account("ada", actor="root", now=NOW + 1)
    assert (receipt.what, receipt.id) == (Topic.SUBJECT, "ada")
    assert await desk.prove(issued.access_token) is Why.REVOKED
    assert await desk.refresh(refresh_of(issued)) is Why.REVOKED
    found = await desk.store.credentials.find("api_key", "k1")
    assert found is not None
    assert found.ended_at == NOW + 1


async def test_several_sessions_end_in_one_transaction_and_those_gone_before_are_left_out(desk: Desk) -> None:
    for id in ("s1", "s2", "s3"):
        await add(desk, id, "session")
    await desk.revoke.credential("s2", actor="ada", now=NOW)
    receipts = await desk.revoke.sessions(["s1", "s2", "s3", "none"], actor="ada", now=NOW)
    assert [receipt.id for receipt in receipts] == ["s1", "s3"]
    assert receipts[0].seq < receipts[1].seq


async def test_a_change_stays_until_the_last_token_that_it_ends_has_expired(desk: Desk) -> None:
    issued = await desk.mint.sign_in(ADA, NOW)
    desk.now = NOW + 1
    await desk.revoke.grant(issued.grant_id, actor="ada", now=desk.now)
    await desk.watch()
    desk.now = NOW + desk.options.access_life - 0.01
    desk.revoked.forget(desk.now)
    assert await desk.prove(issued.access_token) is Why.REVOKED
