"""[[issuer]] tables -> core.issuer.Issuer, and where its keys come from."""

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from doorward.core.issuer import ABSENT, Issuer, Rule
from doorward.core.issuer import Path as ClaimPath
from doorward.crypto.algorithms import ASYMMETRIC
from doorward.crypto.fixed_keys import FixedKeys, SharedSecret
from doorward.crypto.issuer_keys import LARGEST, keys_of, read_key_set
from doorward.settings import Place, Settings, SettingsError, convert, mentioned, placed

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_MOST: Final = 256
_RULE: Final = frozenset({"claim", "value", "scopes", "roles"})


@dataclass(frozen=True)
class WrittenIssuer:
    """`issuer` is the `iss` of its tokens, letter by letter; `name` stands before its subjects (`name|sub`).

    Keys: by discovery from `issuer`; or `jwks_uri`; or fixed: `jwks_file`, `keys` (a list of JWKs), `secret_file` (HS256, 32 bytes or
    more, readable by this user only). Relative paths are of the data directory. `algorithms`: of those, these only.
    `audience`: what its tokens call us, where a route names no audience; else our own issuer. `typ`: accepted types of tokens;
    many issuers write "JWT", or none ("absent"). `scopes`: "rules", or "token" for those that the token claims (never `admin:`).
    `subject_prefix`: another one than `name|`; "" lets it name our own accounts. A claim is its name, or a list of names down to it.
    `rules`: each {claim, value, scopes, roles}. `require`: claims and the value each must have. `stale`: how long fetched keys count
    while its server does not answer.
    """

    issuer: str = ""
    name: str = ""
    jwks_uri: str | None = None
    jwks_file: str | None = None
    keys: Any = None
    secret_file: str | None = None
    audience: frozenset[str] = frozenset()
    algorithms: frozenset[str] = ASYMMETRIC
    typ: frozenset[str] = frozenset({"at+jwt"})
    subject_claim: Any = "sub"
    subject_prefix: str | None = None
    audience_claim: Any = "aud"
    roles_claim: Any = None
    scopes: str = "rules"
    rules: Any = ()
    require: Any = ()
    stale: float = 86400.0


@dataclass(frozen=True)
class IssuerPlan:
    """What was written, understood. `fetched`: its keys are; else they come of `fixed`."""

    issuer: Issuer
    place: str
    written: WrittenIssuer
    keys: tuple[dict[str, Any], ...] = ()

    @property
    def fetched(self) -> bool:
        return not (self.written.jwks_file or self.keys or self.written.secret_file)

    def fixed(self, base: Path) -> FixedKeys | SharedSecret:
        """Raises SettingsError."""
        written = self.written
        try:
            if self.keys:
                return FixedKeys(keys_of({"keys": list(self.keys)}, written.algorithms))
            if written.jwks_file:
                return FixedKeys(read_key_set(_read(base / written.jwks_file), written.algorithms))
            return SharedSecret(_read(base / cast("str", written.secret_file), secret=True).rstrip(b"\r\n"))
        except ValueError as reason:
            raise SettingsError(f"{self.place}: the keys of {self.issuer.name}: {reason}") from None


def read_issuers(settings: Settings, ours: str) -> tuple[IssuerPlan, ...]:
    """`ours`: our own issuer. Raises SettingsError with the line."""
    plans: list[IssuerPlan] = []
    for place, table in settings.each("issuer"):
        plan = _issuer(settings, place, table, ours)
        if plan.issuer.issuer == ours:
            raise SettingsError(f"{place(['issuer'])}: this is our own issuer, whose tokens are taken anyway")
        for other in plans:
            for name in ("issuer", "name"):
                if getattr(other.issuer, name) == getattr(plan.issuer, name):
                    raise SettingsError(f"{place([name])}: the {name} {getattr(plan.issuer, name)!r} stands at {other.place} already")
        plans.append(plan)
    return tuple(plans)


def _issuer(settings: Settings, place: Place, table: dict[str, Any], ours: str) -> IssuerPlan:
    written = WrittenIssuer(**cast("Any", settings.fields(WrittenIssuer, table, place)))
    try:
        name = _checked_name(written)
        _check_keys(written)
        issuer = Issuer(
            name=name,
            issuer=written.issuer,
            audiences=written.audience or frozenset({ours}),
            typ=frozenset(typ.lower().removeprefix("application/") for typ in written.typ),
            subject_claim=_claim(written.subject_claim, "subject_claim"),
            subject_prefix=f"{name}|" if written.subject_prefix is None else written.subject_prefix,
            audience_claim=_claim(written.audience_claim, "audience_claim"),
            roles_claim=_claim(written.roles_claim, "roles_claim") if written.roles_claim is not None else None,
            token_scopes=_believed(written.scopes),
            rules=tuple(_rule(each) for each in _tables(written.rules, "rules")),
            require=_required(written.require),
        )
        keys = tuple(_tables(written.keys, "keys")) if written.keys is not None else ()
    except ValueError as reason:
        raise SettingsError(placed(place(mentioned(reason, table)), reason)) from None
    return IssuerPlan(issuer, place(["issuer"]), written, keys)


def _checked_name(written: WrittenIssuer) -> str:
    if not written.issuer or len(written.issuer) > 512 or not written.issuer.isprintable():
        raise ValueError("an issuer needs `issuer`: the iss of its tokens, such as https://idp.example")
    name = written.name or _host(written.issuer) or written.issuer
    if not _NAME.fullmatch(name):
        raise ValueError("name: 1 to 64 letters, digits, dots, dashes and underscores; it stands before the issuer's subjects")
    return name


def _host(issuer: str) -> str:
    try:
        return urlsplit(issuer).hostname or ""
    except ValueError:
        return ""


def _check_keys(written: WrittenIssuer) -> None:
    """Raises ValueError with the mend."""
    given = [name for name in ("jwks_uri", "jwks_file", "keys", "secret_file") if getattr(written, name)]
    if len(given) > 1:
        raise ValueError(f"{given[1]}: keys come from one place; {given[0]} is written too")
    if not given and not written.issuer.startswith(("https://", "http://")):
        raise ValueError("issuer: no URL, so its keys cannot be discovered; write jwks_uri, jwks_file, keys or secret_file")
    if not written.algorithms <= ASYMMETRIC or not written.algorithms:
        raise ValueError(f"algorithms: those of published keys are {', '.join(sorted(ASYMMETRIC))}; a secret_file is always HS256")
    if not written.typ:
        raise ValueError(f'typ: write such as ["at+jwt", "JWT"]; "{ABSENT}" for tokens without one')
    if not 60 <= written.stale <= 30 * 86400:
        raise ValueError("stale: 1m to 30d")


def _believed(word: str) -> bool:
    if word not in ("rules", "token"):
        raise ValueError('scopes: "rules", or "token" to believe those that the token claims')
    return word == "token"


def _claim(value: object, name: str) -> ClaimPath:
    path = [value] if isinstance(value, str) else value
    if not isinstance(path, list) or not 0 < len(path) <= 8 or not all(isinstance(each, str) and each for each in path):
        raise ValueError(f"{name}: a claim is its name, or a list of names down to it")
    return tuple(path)


def _tables(value: object, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, list | tuple) or len(value) > _MOST or not all(isinstance(each, dict) for each in value):
        raise ValueError(f"{name}: a list of at most {_MOST} tables, each such as {{ … }}")
    return list(value)


def _rule(table: dict[str, Any]) -> Rule:
    if not table.keys() <= _RULE or "claim" not in table:
        raise ValueError(f"rules: each has a claim and any of value, scopes, roles, not {', '.join(sorted(table))}")
    scopes, roles = _words(table.get("scopes", ""), "scopes"), _words(table.get("roles", ""), "roles")
    if not scopes and not roles:
        raise ValueError("rules: one that gives neither scopes nor roles")
    return Rule(claim=_claim(table["claim"], "rules"), value=_value(table.get("value"), "rules"), scopes=scopes, roles=roles)


def _words(value: object, name: str) -> frozenset[str]:
    try:
        return cast("frozenset[str]", convert(frozenset[str], value))
    except ValueError as reason:
        raise ValueError(f"rules: {name}: {reason}") from None


def _value(value: object, name: str) -> str | int | bool | None:
    if value is not None and not isinstance(value, str | int | bool):
        raise ValueError(f"{name}: a value is a text, a whole number, true or false")
    return value


def _required(table: object) -> tuple[Rule, ...]:
    """A table of claims, each with the value that it must have or hold."""
    if table == ():
        return ()
    if not isinstance(table, dict) or len(table) > _MOST:
        raise ValueError("require: a table of claims and the value that each must have, such as { email_verified = true }")
    return tuple(Rule(claim=(name,), value=_value(value, "require")) for name, value in table.items())


def _read(path: Path, *, secret: bool = False) -> bytes:
    """Raises ValueError."""
    try:
        if secret and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ValueError(f"{path} may be read by others; mend it with: chmod 600 {path}")
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as reason:
        raise ValueError(f"{path} cannot be read: {reason.strerror}") from None
