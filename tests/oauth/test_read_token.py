"""What is remembered of a token is never believed longer than it holds."""

from doorward.admin import clients
from doorward.admin.actor import LOCAL
from doorward.oauth.read_token import JWT, MOST, OPAQUE
from doorward.server import _oauth_parts
from tests.oauth.office import Office


async def test_a_jwt_of_a_key_that_was_withdrawn_is_none_of_ours(office: Office) -> None:
    client = await office.client()
    tokens, text = _oauth_parts(office.door.parts).tokens, await office.token(client)
    for _ in range(2):
        seen = await tokens.read(text)
        assert seen is not None
        assert (seen.form, seen.alive) == (JWT, True)
    office.door.parts.keyring.load([], office.door.parts.home.sealer, office.clock())
    assert await tokens.read(text) is None


async def test_an_opaque_one_dies_with_its_client_though_it_was_remembered(office: Office) -> None:
    client = await office.client(token="opaque")
    parts = _oauth_parts(office.door.parts)
    text = await office.token(client)
    for _ in range(2):
        seen = await parts.tokens.read(text)
        assert seen is not None
        assert (seen.form, seen.alive) == (OPAQUE, True)
    await clients.end(client.client.id, store=parts.store, actor=LOCAL, now=office.clock())
    await parts.catch_up()
    seen = await parts.tokens.read(text)
    assert seen is not None
    assert not seen.alive


async def test_what_is_remembered_is_bounded_and_nothing_forged_is(office: Office) -> None:
    client = await office.client()
    tokens, text = _oauth_parts(office.door.parts).tokens, await office.token(client)
    for number in range(5):
        assert await tokens.read(text[:-9] + f"{number:04}AAAAA") is None
    assert not tokens._known
    assert not tokens._found
    seen = await tokens.read(text)
    assert seen is not None
    for number in range(MOST):
        tokens._known[number.to_bytes(4, "big")] = tokens._known[next(iter(tokens._known))]
    await tokens.read(await office.token(client))
    assert len(tokens._known) == MOST
