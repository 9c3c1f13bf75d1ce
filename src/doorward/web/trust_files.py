"""The files that say whose client certificates are taken: CAs, revocation lists, registered certificates.

They are read again when one of them changes. One that is then missing or broken leaves what was read before, and a log line:
a half-written file shuts nobody out and lets nobody in, since a list that is not renewed goes stale by itself.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from doorward.crypto.client_chain import OWN, Certificates, ClientTrust, read_certificates, to_pem
from doorward.crypto.revocation_list import RevocationList, RevocationLists, read_lists
from doorward.methods.mtls import MtlsOptions

REGISTERED_FILE: Final = "registered.pem"
LARGEST: Final = 64 * 1024 * 1024
_log: Final = logging.getLogger("doorward.mtls")
T = TypeVar("T")
Stamp = tuple[tuple[int, int] | None, ...]
_EMPTY: Final = (0, 0)


class TrustError(ValueError):
    """A sentence with the file and the mend."""


@dataclass(frozen=True, slots=True)
class TrustFiles:
    """`own`: our own CA's certificates, which may not be there (yet); None: not taken. `registered`: as the listener alone needs
    them, since the handshake must trust whatever it lets in. `authorities`: by the name that the settings use."""

    own: Path | None
    authorities: Mapping[str, Path]
    lists: tuple[Path, ...] = ()
    registered: Path | None = None

    @classmethod
    def of(cls, folder: Path, options: MtlsOptions) -> "TrustFiles":
        """As the settings of this data directory name them."""
        ca = folder / "ca"
        authorities = {name: folder / name for name in options.client_ca}
        lists = tuple(folder / name for name in options.crl)
        return cls(ca / "ca.pem" if options.own_ca else None, authorities, lists, ca / REGISTERED_FILE)

    @property
    def all(self) -> tuple[Path, ...]:
        extra = (each for each in (self.own, self.registered) if each is not None)
        return (*extra, *self.authorities.values(), *self.lists)

    @property
    def some(self) -> bool:
        """Whether any client certificate could be taken now."""
        return bool(self.authorities) or any(_stamp(path) not in (None, _EMPTY) for path in (self.own, self.registered) if path is not None)

    def read(self, domains: Mapping[str, str]) -> ClientTrust:
        """Raises TrustError."""
        known: dict[str, Certificates] = {name: _certificates(path) for name, path in self.authorities.items()}
        if self.own is not None and self.own.exists():
            known[OWN] = _certificates(self.own)
        lists: list[RevocationList] = [each for path in self.lists for each in _read(path, read_lists, "a revocation list")]
        try:
            return ClientTrust(known, RevocationLists(lists), domains)
        except ValueError as reason:
            raise TrustError(f"a client CA cannot be used: {reason}") from None

    def handshake(self) -> str:
        """PEM of all that a handshake may trust. Raises TrustError."""
        paths = [path for path in (self.own, self.registered) if path is not None and _stamp(path) not in (None, _EMPTY)]
        return "".join(to_pem(_certificates(path)) for path in (*paths, *self.authorities.values()))

    def stamp(self) -> Stamp:
        """Another value when one of the files is another."""
        return stamp_of(self.all)


def stamp_of(paths: tuple[Path, ...]) -> Stamp:
    return tuple(_stamp(path) for path in paths)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        known = path.stat()
    except OSError:
        return None
    return (known.st_mtime_ns ^ known.st_ino if known.st_size else 0), known.st_size


def _certificates(path: Path) -> Certificates:
    return _read(path, read_certificates, "certificates in PEM")


def _read(path: Path, parse: Callable[[bytes], T], what: str) -> T:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as reason:
        raise TrustError(f"{path} cannot be read: {reason.strerror}") from None
    try:
        if len(data) > LARGEST:
            raise ValueError("more than 64 MiB")
        return parse(data)
    except ValueError as reason:
        raise TrustError(f"{path} is not {what}: {reason}") from None


class Watched:
    """The trust of these files, read again by `renew`."""

    def __init__(self, files: TrustFiles, domains: Mapping[str, str]) -> None:
        """Raises TrustError."""
        self._files, self._domains = files, domains
        self._stamp = files.stamp()
        self.trust = files.read(domains)

    @property
    def changed(self) -> bool:
        return self._files.stamp() != self._stamp

    def renew(self) -> bool:
        """Whether there is another trust now. May read large files: not for the event loop."""
        self._stamp = self._files.stamp()
        try:
            self.trust = self._files.read(self._domains)
        except TrustError as reason:
            _log.error("client certificates are judged by what was read before: %s", reason)
            return False
        return True
