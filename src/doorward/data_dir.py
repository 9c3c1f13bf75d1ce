"""The data directory: `doorward.toml`, `doorward.db` and `secrets/` (0600; refused if wider)."""

import base64
import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorward.core.clock import Entropy
from doorward.durable import FileLock, replace_whole, write_new

DEFAULT: Final = Path(".doorward")
SECRET_BYTES: Final = 32
PEPPER: Final = "pepper"
SEALING: Final = "sealing"
IMPORTED: Final = "imported-peppers"
"""Peppers that imported hashes were made with elsewhere; there only once such hashes were imported."""
SHARED: Final = "shared-keys"
"""HS256 keys by audience, each shared with one service; there only once one was made."""

FIRST_SETTINGS: Final = """\
# doorward's settings. Each can also be given as DOORWARD_SECTION__NAME in the environment (lists as JSON).

[server]
# The URL that callers reach this server by; it is the `iss` of its tokens. https, except on loopback.
issuer = "http://127.0.0.1:8000"
# Proxies that may ask /verify and are believed about the caller's address: only these.
trusted_proxies = ["127.0.0.1/32"]

# A route says what a path demands. The first that matches decides; what no route matches is refused.
#
# [[route]]
# path = "/pets/**"
# methods = ["GET"]
# allow = "api_key or jwt"
# scopes = ["read:pets"]
# rate = "100/m"
"""


class DataDirError(Exception):
    """A sentence with the mend."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Keys by id, oldest first, one `id base64url` a line; the last one is current."""

    keys: Mapping[str, bytes]
    current: str

    def __repr__(self) -> str:
        return f"KeyFile({', '.join(self.keys)})"

    @classmethod
    def parse(cls, text: str, place: str, *, any_length: bool = False) -> "KeyFile":
        """Raises DataDirError; the message holds nothing of the text."""
        keys: dict[str, bytes] = {}
        for number, line in enumerate(text.replace(",", "\n").splitlines(), start=1):
            if not line.strip():
                continue
            words = line.split()
            try:
                key = base64.b64decode(words[1], altchars=b"-_", validate=True) if len(words) == 2 else b""
            except ValueError:
                key = b""
            if not key or (len(key) != SECRET_BYTES and not any_length) or words[0] in keys:
                raise DataDirError(f"{place}, line {number}: write an id of its own, a space, and 32 bytes in base64url")
            keys[words[0]] = key
        if not keys:
            raise DataDirError(f"{place} holds no key; restore it from your backup (without it what it protects cannot be read)")
        return cls(keys, list(keys)[-1])


class DataDir:
    """Where an installation lives. `environ` may hold the keys instead: DOORWARD_SECRETS__PEPPER, DOORWARD_SECRETS__SEALING."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.path, self._environ = path, environ
        self._is_alone = False

    @classmethod
    def find(cls, given: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> "DataDir":
        """`--data`, else DOORWARD_DATA, else ./.doorward."""
        return cls(Path(given or environ.get("DOORWARD_DATA") or DEFAULT), environ)

    @property
    def settings(self) -> Path:
        return self.path / "doorward.toml"

    @property
    def database(self) -> Path:
        return self.path / "doorward.db"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    @property
    def ca(self) -> Path:
        """The certificate of our own authority, PEM; there once it was made. Its key lies sealed in the store."""
        return self.path / "ca" / "ca.pem"

    @property
    def registered(self) -> Path:
        """Certificates that are known by their thumbprint, PEM: what a TLS handshake must let in beside those of CAs."""
        return self.path / "ca" / "registered.pem"

    def keep_ca(self, pem: str) -> None:
        """Whole or not at all. Raises DataDirError."""
        try:
            if not self.ca.exists() or self.ca.read_text("latin-1") != pem:
                self.ca.parent.mkdir(mode=0o700, exist_ok=True)
                replace_whole(self.ca, pem)
        except OSError as reason:
            raise DataDirError(f"{self.ca} cannot be written: {reason.strerror}; the authority itself is kept in the store") from None

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One process at a time changes what lies here: keys are read, added to, and put back. Entered again by who holds it, it
        changes nothing. Ends with its process, however that ends. Raises DataDirError."""
        if self._is_alone:
            yield
            return
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.secrets.mkdir(mode=0o700, exist_ok=True)
            lock = FileLock(self.secrets / ".lock")
        except OSError as reason:
            raise DataDirError(f"{self.path} cannot be laid out: {reason.strerror}; give a folder of this user with --data") from None
        with lock:
            self._is_alone = True
            try:
                yield
            finally:
                self._is_alone = False

    def create(self, entropy: Entropy) -> bool:
        """Lays the directory out; what is there stays. True if the settings are new. Raises DataDirError."""
        with self.alone():
            for name in (PEPPER, SEALING):
                if not (self.secrets / name).exists() and self._variable(name) not in self._environ:
                    self.add_key(name, entropy)
            try:
                return write_new(self.settings, FIRST_SETTINGS, 0o644)
            except OSError as reason:
                raise DataDirError(f"{self.settings} cannot be written: {reason.strerror}; nothing else was lost") from None

    def check(self) -> None:
        """Raises DataDirError if it is not there."""
        if not self.settings.exists() and not self.secrets.exists():
            raise DataDirError(f"{self.path} is no doorward data directory; make one with: doorward init --data {self.path}")

    def keys(self, name: str) -> KeyFile:
        """Raises DataDirError."""
        variable = self._variable(name)
        if variable in self._environ:
            return KeyFile.parse(self._environ[variable], variable)
        path = self.secrets / name
        for each in (self.secrets, path):
            self._refuse_if_wider(each)
        return KeyFile.parse(self._text(name), f"secrets/{name}")

    def _text(self, name: str) -> str:
        try:
            return (self.secrets / name).read_text("ascii")
        except (OSError, UnicodeDecodeError):
            raise DataDirError(f"secrets/{name} cannot be read; restore it from your backup") from None

    def imported_peppers(self) -> Mapping[str, bytes]:
        """Raises DataDirError. None at all where no such hashes were imported."""
        return self._optional(IMPORTED, any_length=True)

    def shared_keys(self) -> Mapping[str, bytes]:
        """By audience. Raises DataDirError."""
        return self._optional(SHARED)

    def share_key(self, audience: str, entropy: Entropy) -> bytes:
        """A new key for this audience. Raises DataDirError if it has one."""
        with self.alone():
            if audience in self.shared_keys():
                raise DataDirError(f"{audience} has a key already; to replace it, take its line out of secrets/{SHARED} first")
            key = entropy(SECRET_BYTES)
            self._append_line(SHARED, audience, key)
            return key

    def _optional(self, name: str, *, any_length: bool = False) -> Mapping[str, bytes]:
        if not (self.secrets / name).exists():
            return {}
        self._refuse_if_wider(self.secrets / name)
        return KeyFile.parse(self._text(name), f"secrets/{name}", any_length=any_length).keys

    def keep_imported_pepper(self, pepper: bytes) -> str:
        """Gives its id; one that is known keeps the id it has."""
        with self.alone():
            known = self.imported_peppers()
            for id, key in known.items():
                if key == pepper:
                    return id
            return self._append(IMPORTED, pepper)

    def keys_stamp(self) -> tuple[int, ...]:
        """Changes whenever a key was added or taken out; cheap enough to ask several times a second."""
        found = []
        for name in (PEPPER, SEALING, IMPORTED, SHARED):
            try:
                found.append((self.secrets / name).stat().st_mtime_ns)
            except OSError:
                found.append(0)
        return tuple(found)

    def add_key(self, name: str, entropy: Entropy) -> str:
        """Adds a key, current from now on; the older ones stay for what they protect. Gives its id. Raises DataDirError."""
        with self.alone():
            return self._append(name, entropy(SECRET_BYTES))

    def _append(self, name: str, key: bytes) -> str:
        old = self._text(name).replace(",", "\n").splitlines() if (self.secrets / name).exists() else []
        ends = [line.split()[0].rpartition("-")[2] for line in old if line.strip()]
        number = 1 + max((int(end) for end in ends if end.isdecimal()), default=0)
        id = f"{name.removesuffix('-peppers')}-{number}"
        self._append_line(name, id, key)
        return id

    def _append_line(self, name: str, id: str, key: bytes) -> None:
        """Whole or not at all; durable. Raises DataDirError."""
        path = self.secrets / name
        old = self._text(name) if path.exists() else ""
        end = "\n" if old and not old.endswith("\n") else ""
        try:
            replace_whole(path, f"{old}{end}{id} {base64.urlsafe_b64encode(key).decode()}\n")
        except OSError as reason:
            raise DataDirError(f"secrets/{name} cannot be written: {reason.strerror}; the keys that it holds are as before") from None

    def _refuse_if_wider(self, path: Path) -> None:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            raise DataDirError(
                f"secrets/{path.name if path != self.secrets else ''} is missing in {self.path}; restore it from your backup"
            ) from None
        if mode & 0o077:
            raise DataDirError(f"{path} may be read by others (mode {mode:04o}); mend it with: chmod -R go-rwx {self.secrets}")

    @staticmethod
    def _variable(name: str) -> str:
        return f"DOORWARD_SECRETS__{name.upper()}"
