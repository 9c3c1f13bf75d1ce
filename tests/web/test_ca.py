"""web/ca.py: the authority and its list, for anybody, from memory."""

from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path

import pytest
from cryptography import x509

from doorward.crypto import authority as crypto_authority
from doorward.pki.crl import LIFE
from doorward.pki.published import Published
from doorward.web.ca import CRL, DER, PATHS, PEM, CaDoor
from tests.methods.place import NOW, Place, a_place
from tests.pki.certificates import an_authority, issued, openssl, revoked
from tests.web.door import call


async def door(place: Place) -> tuple[CaDoor, Published]:
    published = Published(place.store, place.sealer, place.clock)
    await published.load()
    return CaDoor(published, place.clock), published


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with a_place(tmp_path) as made:
        yield made


async def test_where_there_is_no_authority_there_is_nothing(place: Place) -> None:
    app, _ = await door(place)
    for path in PATHS:
        told = await call(app, path)
        assert (told.status, told.header("content-type"), told.header("cache-control")) == (404, "application/problem+json", "no-store")


@pytest.mark.rfc("2585", "4.1")
@pytest.mark.rfc("2585", "4.2")
async def test_each_form_is_what_openssl_reads(place: Place) -> None:
    new = await issued(place)
    await revoked(place, new)
    app, published = await door(place)
    der, pem, crl = [await call(app, path) for path in (DER, PEM, CRL)]
    assert der.header("content-type") == "application/pkix-cert"
    assert crl.header("content-type") == "application/pkix-crl"
    assert published.authority is not None
    assert der.body == published.authority.certificate
    assert pem.body.decode() == new.ca
    assert openssl("x509", "-inform", "DER", "-noout", "-serial", stdin=der.body).strip().lower() == f"serial={published.authority.serial}"
    assert new.credential.id.upper() in openssl("crl", "-inform", "DER", "-noout", "-text", stdin=crl.body).replace(":", "")


@pytest.mark.rfc("9110", "13.1.2")
@pytest.mark.rfc("9110", "13.1.3")
async def test_who_has_it_already_is_told_so(place: Place) -> None:
    await an_authority(place)
    app, _ = await door(place)
    first = await call(app, CRL)
    tag, modified = first.header("etag") or "", first.header("last-modified") or ""
    assert first.header("cache-control") == "public, max-age=60"
    for fields in ([("If-None-Match", tag)], [("If-None-Match", f'"x", W/{tag}')], [("If-Modified-Since", modified)]):
        told = await call(app, CRL, headers=fields)
        assert (told.status, told.body, told.header("etag")) == (304, b"", tag)
    earlier = formatdate(NOW - 86400, usegmt=True)
    for fields in (
        [("If-None-Match", '"x"')],
        [("If-None-Match", '"x"'), ("If-Modified-Since", modified)],
        [("If-Modified-Since", earlier)],
        [("If-Modified-Since", "yesterday")],
        [("If-Modified-Since", "Mon, 99 Foo 10000 99:99:99 GMT")],
        [("If-Modified-Since", "\xff")],
        [("If-Modified-Since", "x" * 1000)],
        [("If-Modified-Since", modified), ("If-Modified-Since", modified)],
    ):
        assert (await call(app, CRL, headers=fields)).body == first.body


async def test_head_has_no_content_and_other_methods_are_refused(place: Place) -> None:
    await an_authority(place)
    app, _ = await door(place)
    told = await call(app, CRL, "HEAD")
    assert (told.status, told.body) == (200, b"")
    assert told.header("content-length") == str(len((await call(app, CRL)).body))
    refused = await call(app, CRL, "POST")
    assert (refused.status, refused.header("allow")) == (405, "GET, HEAD")


async def test_a_flood_of_requests_signs_nothing_and_asks_no_store(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    await an_authority(place)
    app, _ = await door(place)

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(crypto_authority.Signer, "revocation_list", never)
    monkeypatch.setattr(type(place.store), "write", never)
    bodies = {(await call(app, CRL)).body for _ in range(500)}
    assert len(bodies) == 1
    place.now = NOW + LIFE - 30
    assert (await call(app, CRL)).header("cache-control") == "public, max-age=30"


async def test_a_list_that_is_over_is_not_served_until_the_next_is_signed(place: Place) -> None:
    await an_authority(place)
    app, published = await door(place)
    place.now = NOW + LIFE
    told = await call(app, CRL)
    assert (told.status, told.header("retry-after")) == (503, "1")
    assert (await call(app, DER)).status == 200
    await published.publish()
    fresh = await call(app, CRL)
    assert x509.load_der_x509_crl(fresh.body).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 2


async def test_below_the_issuers_path_it_is_the_same(place: Place) -> None:
    await an_authority(place)
    app, _ = await door(place)
    assert (await call(app, f"/tenant{CRL}")).body == (await call(app, CRL)).body
