"""What `doorward serve` needs of the machine: an address that is free, a certificate with its key. Each trouble names its option."""

import contextlib
import errno
import json
import os
import socket
import ssl
from pathlib import Path

from doorward.cli.frame import Failed
from doorward.core.address import read_address
from doorward.crypto.client_chain import read_certificates
from doorward.data_dir import DataDir
from doorward.methods.mtls import MtlsOptions
from doorward.server_options import ServerOptions
from doorward.settings import Settings, SettingsError
from doorward.web.tls_context import TlsFiles
from doorward.web.trust_files import TrustError, TrustFiles


def listen(host: str, port: int) -> socket.socket:
    """Bound, inheritable. Raises Failed."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as reason:
        raise Failed(f"{host} is no address of this machine ({_text(reason)}); give another with --host") from None
    with contextlib.ExitStack() as undo:
        try:
            listening = undo.enter_context(socket.socket(family, kind))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError as reason:
            option = "--host" if reason.errno == errno.EADDRNOTAVAIL else "--port"
            raise Failed(f"{host}:{port} cannot be listened on: {_text(reason)}; choose another with {option}") from None
        listening.set_inheritable(True)
        undo.pop_all()
        return listening


def exposed(listening: socket.socket, options: ServerOptions) -> list[str]:
    """Without TLS: what other machines will be refused."""
    address = read_address(listening.getsockname()[0])
    if options.trusted_proxies or options.insecure_http or address is None or address.is_loopback:
        return []
    refused = "other machines are refused here (tls_required): this is plain http, and no proxy is listed"
    return [f"{refused}. Give --tls-cert and --tls-key, or list the proxy that ends TLS in [server] trusted_proxies"]


def check_pair(certificate: Path, key: Path) -> None:
    """Would a worker take them? Raises Failed, which says which of the two is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_verify_locations(certificate)
    except OSError as reason:
        raise Failed(f"--tls-cert {certificate}: not a certificate chain in PEM ({_text(reason)})") from None
    try:
        context.load_cert_chain(certificate, key, password="")  # or OpenSSL would ask for one
    except OSError as reason:
        if getattr(reason, "reason", "") == "KEY_VALUES_MISMATCH":
            raise Failed(f"--tls-key {key}: not the key of the first certificate in {certificate}") from None
        raise Failed(f"--tls-key {key}: not a private key in PEM without a passphrase ({_text(reason)})") from None


def add_client_cas(place: DataDir, files: tuple[Path, ...]) -> None:
    """To [mtls] client_ca, for this process and its workers. Raises Failed."""
    for file in files:
        try:
            read_certificates(file.read_bytes())
        except OSError as reason:
            raise Failed(f"--client-ca {file} cannot be read: {_text(reason)}") from None
        except ValueError:
            raise Failed(f"--client-ca {file}: not certificates in PEM") from None
    try:
        listed = Settings.read(place.settings, os.environ).options("mtls", MtlsOptions).client_ca
    except SettingsError as reason:
        raise Failed(str(reason), "settings") from None
    os.environ["DOORWARD_MTLS__CLIENT_CA"] = json.dumps(list(dict.fromkeys((*listed, *(str(file.resolve()) for file in files)))))


def tls_files(place: DataDir, options: MtlsOptions, certificate: Path, key: Path, asks: str) -> TlsFiles:
    """Raises Failed."""
    trust = None if asks == "off" else TrustFiles.of(place.path.resolve(), options)
    made = TlsFiles(certificate.resolve(), key.resolve(), trust, asks == "required")
    try:
        made.context()
    except (OSError, TrustError) as reason:
        raise Failed(f"TLS cannot be served: {_text(reason)}") from None
    return made


def _text(reason: Exception) -> str:
    return getattr(reason, "strerror", None) or str(reason) or reason.__class__.__name__
