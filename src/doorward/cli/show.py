"""How records are shown, to a program and to a person. Never a secret."""

from doorward.admin.keys import metadata
from doorward.core.account import Account
from doorward.core.clock import moment
from doorward.core.credential import Credential


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
