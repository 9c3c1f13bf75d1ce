"""How records are shown, to a program and to a person. Never a secret."""

from doorward.admin.certificates import THUMBPRINT
from doorward.admin.keys import metadata
from doorward.core.account import Account
from doorward.core.authority import Authority
from doorward.core.clock import moment
from doorward.core.credential import Credential
from doorward.core.presented import x5t
from doorward.crypto.certificate_reading import read_certificate


def when(at: float | None) -> str:
    return moment(at) or "never"


def key_record(key: Credential) -> dict[str, object]:
    limits = key.limits
    return {
        "id": key.id,
        "method": key.method,
        "name": key.name,
        "owner": key.owner,
        "scopes": sorted(key.scopes or ()),
        "env": key.env,
        "kind": key.kind,
        "start": key.start,
        "last4": key.last4,
        "created_at": moment(key.created_at),
        "not_before": moment(key.not_before),
        "expires_at": moment(key.expires_at),
        "revoked_at": moment(key.revoked_at),
        "replaces": key.replaces,
        "methods": list(limits.methods),
        "allow_ip": [str(each) for each in limits.networks],
        "origins": list(limits.origins),
        "rate": str(limits.rate) if limits.rate else None,
        "metadata": metadata(key),
    }


def key_line(key: Credential) -> str:
    state = "revoked" if key.revoked_at or key.ended_at else f"until {when(key.expires_at)}" if key.expires_at else "without end"
    scopes = " ".join(sorted(key.scopes or ())) or "no scopes"
    return f"{key.id}  {key.method}  {key.start}…{key.last4}  {key.name}  owner {key.owner}  [{scopes}]  {key.env}  {state}"


def account_record(account: Account) -> dict[str, object]:
    return {
        "name": account.name,
        "kind": account.kind,
        "email": account.email,
        "scopes": sorted(account.scopes),
        "roles": sorted(account.roles),
        "created_at": moment(account.created_at),
        "ended_at": moment(account.ended_at),
    }


def account_line(account: Account) -> str:
    state = "ended" if account.ended_at is not None else "lives"
    roles = f"  roles {' '.join(sorted(account.roles))}" if account.roles else ""
    return f"{account.name}  {account.kind}  {account.email or '-'}  [{' '.join(sorted(account.scopes)) or 'no scopes'}]{roles}  {state}"


def authority_record(authority: Authority) -> dict[str, object]:
    certificate = read_certificate(authority.certificate)
    return {
        "serial": authority.serial,
        "subject": certificate.subject,
        "domains": list(authority.domains),
        "not_before": moment(certificate.not_before),
        "not_after": moment(certificate.not_after),
        "x5t#S256": x5t(authority.certificate).removeprefix(THUMBPRINT),
    }


def authority_line(authority: Authority) -> str:
    bounds = f"  names {' '.join(authority.domains)} only" if authority.domains else ""
    return f"{authority.serial}  {read_certificate(authority.certificate).subject}{bounds}  until {when(authority.expires_at)}"


def certificate_record(certificate: Credential) -> dict[str, object]:
    data = certificate.data
    return {
        "id": certificate.id,
        "serial": data["serial"],
        "name": certificate.name,
        "owner": certificate.owner,
        "kind": certificate.kind,
        "profile": data.get("profile"),
        "subject": data.get("subject", ""),
        "uri": data.get("uri"),
        "dns": data.get("dns", "").split(),
        "ip": data.get("ip", "").split(),
        "scopes": None if certificate.scopes is None else sorted(certificate.scopes),
        "not_before": moment(certificate.not_before),
        "not_after": moment(certificate.expires_at),
        "revoked_at": moment(certificate.revoked_at),
        "ended_at": moment(certificate.ended_at),
        "x5t#S256": certificate.lookup.removeprefix(THUMBPRINT),
    }


def certificate_line(certificate: Credential) -> str:
    state = "revoked" if certificate.revoked_at or certificate.ended_at else f"until {when(certificate.expires_at)}"
    scopes = "" if certificate.scopes is None else f"  [{' '.join(sorted(certificate.scopes)) or 'no scopes'}]"
    what = certificate.data.get("profile") or certificate.kind
    return f"{certificate.id}  {what}  {certificate.name}  owner {certificate.owner}{scopes}  {state}"
