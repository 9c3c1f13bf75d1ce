"""assembly.py and background.py: every method is put together, and keys that are shared later are adopted by a running worker."""

import base64
import os
from pathlib import Path

import jwt
import pytest

from doorward.app import Doorward
from doorward.assembly import shared_kid
from doorward.background import adopt_keys
from doorward.core.account import PERSON, Account
from doorward.core.errors import Refused, Why
from doorward.core.request import Headers, Request
from doorward.core.store import Tx
from doorward.data_dir import SHARED, DataDir
from doorward.ledger.mint import Issued
from doorward.methods import ALL
from doorward.options import INSTALLED

SERVICE = "https://legacy.example"


@pytest.fixture
def home(tmp_path: Path) -> DataDir:
    place = DataDir(tmp_path / "d", {})
    place.create(os.urandom)
    return place


async def test_every_method_is_put_together(home: DataDir) -> None:
    async with Doorward(home.path) as door:
        assert {type(method) for method in door.parts.methods} == set(ALL)
        assert {method.name for method in ALL} == INSTALLED


async def test_a_key_that_is_shared_while_the_server_runs_is_adopted_and_given_up(home: DataDir) -> None:
    async with Doorward(home.path) as door:
        parts = door.parts
        account = Account(name="ada", kind=PERSON, created_at=1.0)

        async def add(tx: Tx) -> None:
            await tx.add_account(account)

        await parts.store.write(add)
        with pytest.raises(Refused) as caught:
            await parts.mint.sign_in(account, parts.home.clock(), audience=SERVICE)
        assert "[oauth] audiences" in (caught.value.detail or "")
        assert "token shared-key" in (caught.value.detail or "")

        before = home.keys_stamp()
        key = home.share_key(SERVICE, os.urandom)
        assert home.keys_stamp() != before
        adopt_keys(parts)
        adopt_keys(parts)
        issued = await parts.mint.sign_in(account, parts.home.clock(), audience=SERVICE)
        token = issued.access_token.reveal()
        assert jwt.decode(token, key, algorithms=["HS256"], audience=SERVICE)["sub"] == "ada"
        assert jwt.get_unverified_header(token)["kid"] == shared_kid(SERVICE)
        assert await proven(door, issued) == "ada"

        line = f"{SERVICE} {base64.urlsafe_b64encode(b'n' * 32).decode()}\n"
        (home.secrets / SHARED).write_text(line)
        adopt_keys(parts)
        assert await proven(door, issued) is Why.WRONG_SIGNATURE, "the key was replaced"
        (home.secrets / SHARED).unlink()
        adopt_keys(parts)
        assert not parts.mint.knows(SERVICE)


async def proven(door: Doorward, issued: Issued) -> str | Why | None:
    headers = Headers([(b"authorization", b"Bearer " + issued.access_token.reveal().encode())])
    request = Request("GET", "/pets", "", headers, "https", "h", "127.0.0.1", None, has_body=False)
    try:
        principal = (await door.admit(request, door.route("jwt", audience=SERVICE))).principal
    except Refused as refused:
        return refused.why
    return principal.subject if principal is not None else None
