"""web/trust_files.py, tls_context.py, tls_extension.py: what is read, read anew, and kept when a file is broken."""

import pickle
import ssl
from pathlib import Path

import pytest

from doorward.core.errors import Refused
from doorward.crypto.client_chain import ClientTrust
from doorward.methods.mtls import MtlsOptions
from doorward.web.tls_context import DoorContext, TlsFiles
from doorward.web.tls_extension import tls_extension
from doorward.web.trust_files import TrustError, TrustFiles, Watched
from tests.certificates import NOW, SERVER, authority, leaf, revocation_list

ONE, TWO = authority("one"), authority("two")
SITE = leaf(None, dns=["localhost"], purposes=[SERVER])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ca").mkdir()
    (tmp_path / "one.pem").write_bytes(ONE.pem)
    (tmp_path / "one.crl").write_bytes(revocation_list(ONE))
    SITE.write(tmp_path, "site")
    return tmp_path


def files(folder: Path, *crl: str) -> TrustFiles:
    return TrustFiles.of(folder, MtlsOptions(client_ca=("one.pem",), crl=crl))


def takes(trust: ClientTrust) -> list[bool]:
    found = []
    for issuer in (ONE, TWO):
        try:
            trust.verify((leaf(issuer).der,), NOW)
        except Refused:
            found.append(False)
        else:
            found.append(True)
    return found


def test_our_own_ca_counts_once_it_is_there(folder: Path) -> None:
    watched = Watched(files(folder), {})
    assert takes(watched.trust) == [True, False]
    assert not watched.changed
    (folder / "ca" / "ca.pem").write_bytes(TWO.pem)
    assert watched.changed
    assert watched.renew()
    assert takes(watched.trust) == [True, True]
    assert takes(TrustFiles.of(folder, MtlsOptions(own_ca=False)).read({})) == [False, False]


def test_a_file_that_breaks_while_we_run_leaves_what_was_read_before(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(files(folder, "one.crl"), {})
    for name in ("one.pem", "one.crl"):
        good = (folder / name).read_bytes()
        for bad in (b"", b"half a certif", None):
            (folder / name).unlink(missing_ok=True) if bad is None else (folder / name).write_bytes(bad)
            assert watched.changed
            assert not watched.renew()
            assert takes(watched.trust) == [True, False]
            assert name in caplog.text
        (folder / name).write_bytes(good)
        assert watched.renew()


def test_a_file_that_is_broken_at_the_start_is_told_by_name(folder: Path) -> None:
    for name, bad in (("one.pem", b"x"), ("one.crl", b"x"), ("one.pem", leaf(None).pem)):
        good = (folder / name).read_bytes()
        (folder / name).write_bytes(bad)
        with pytest.raises(TrustError, match=name if bad == b"x" else "is no CA"):
            Watched(files(folder, "one.crl"), {})
        (folder / name).write_bytes(good)


def test_check_hears_of_cas_without_a_list(folder: Path) -> None:
    assert files(folder).read({}).without_list == ("CN=one (one.pem)",)
    assert files(folder, "one.crl").read({}).without_list == ()


def test_a_context_asks_for_certificates_once_there_is_a_ca(folder: Path) -> None:
    site = (folder / "site.pem", folder / "site.key")
    now = [0.0]
    context = DoorContext.of(TlsFiles(*site, TrustFiles.of(folder, MtlsOptions())), lambda: now[0])
    assert context.current().verify_mode is ssl.CERT_NONE
    (folder / "ca" / "ca.pem").write_bytes(ONE.pem)
    now[0] += 1
    assert context.current().verify_mode is ssl.CERT_OPTIONAL
    assert context.current().get_ca_certs()
    kept = context.current()
    (folder / "site.pem").write_bytes(b"half")
    now[0] += 1
    assert context.current() is kept
    assert kept.minimum_version is ssl.TLSVersion.TLSv1_2
    assert kept.num_tickets == 0
    assert kept.options & ssl.OP_NO_TICKET


def test_the_files_of_a_context_can_be_handed_to_another_process(folder: Path) -> None:
    made = TlsFiles(folder / "site.pem", folder / "site.key", files(folder), True)
    copy = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes
    assert copy == made
    assert copy().current().verify_mode is ssl.CERT_REQUIRED


def test_registered_certificates_are_let_in_and_an_empty_file_of_them_is_none(folder: Path) -> None:
    trust = TrustFiles.of(folder, MtlsOptions())
    (folder / "ca" / "registered.pem").write_bytes(b"")
    assert not trust.some
    alone = leaf(None)
    (folder / "ca" / "registered.pem").write_bytes(alone.pem)
    assert trust.some
    assert alone.pem.decode() in trust.handshake()


def test_a_connection_in_the_clear_has_no_tls_extension() -> None:
    assert tls_extension(None) is None
    assert tls_extension(object()) is None
