"""Certificates for tests of anything: `await an_authority(place)`, then `await issued(place, "spiffe://example.org/orders")`."""

import os
import subprocess
from pathlib import Path
from typing import Any

from doorward.admin import authority, certificates
from doorward.admin.actor import LOCAL
from doorward.admin.authority import AuthorityOrder
from doorward.admin.certificates import CertificateMaker, CertificateOrder, NewCertificate
from doorward.core.authority import Authority
from doorward.crypto.certificate_reading import to_pem
from doorward.pki.crl import Publisher
from tests.methods.place import Place

ORDERS = "spiffe://example.org/orders"
ADDRESS = "https://door.example"


async def an_authority(place: Place, **order: Any) -> Authority:
    """The one that stands, or a new one."""
    made, _ = await authority.ensure(
        AuthorityOrder(**order), store=place.store, sealer=place.sealer, entropy=os.urandom, actor=LOCAL, clock=place.clock
    )
    return made


async def issued(place: Place, name: str = ORDERS, **order: Any) -> NewCertificate:
    """Order words as of CertificateOrder: profile, dns, ips, life, owner, scopes, request."""
    await an_authority(place)
    maker = CertificateMaker(sealer=place.sealer, entropy=os.urandom, address=ADDRESS)
    return await certificates.issue(CertificateOrder(name=name, **order), store=place.store, maker=maker, actor=LOCAL, now=place.now)


async def revoked(place: Place, new: NewCertificate) -> certificates.RevokedNow:
    return await certificates.revoke(new.credential.id, store=place.store, sealer=place.sealer, actor=LOCAL, clock=place.clock)


def publisher(place: Place) -> Publisher:
    return Publisher(place.store, place.sealer, place.clock)


def written(folder: Path, new: NewCertificate) -> tuple[Path, Path, Path]:
    """cert.pem, key.pem and ca.pem."""
    paths = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
    for path, text in zip(paths, (new.chain, new.key.reveal() if new.key else "", new.ca), strict=True):
        path.write_text(text)
    return paths


def openssl(*words: object, stdin: bytes = b"") -> str:
    """What it said, if it agreed."""
    done = subprocess.run(["openssl", *map(str, words)], input=stdin, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout.decode()


def pem_file(folder: Path, found: Authority) -> Path:
    path = folder / "authority.pem"
    path.write_text(to_pem(found.certificate))
    return path
