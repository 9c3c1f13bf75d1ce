"""doorward: any credential in, one identity out.

The public names. Each is imported when it is first asked for, so that `import doorward` costs next to nothing.
"""

from importlib import import_module
from typing import Final

_PLACES: Final = {
    "AllOf": "core.policy",
    "AnyOf": "core.policy",
    "Behind": "web.behind",
    "BehindOptions": "web.behind",
    "Binder": "core.policy",
    "By": "core.policy",
    "Code": "core.errors",
    "Doorward": "app",
    "KeySet": "web.key_set",
    "Policy": "core.policy",
    "PolicyError": "core.policy",
    "Principal": "core.proof",
    "Proof": "core.proof",
    "Rate": "core.limit",
    "Refused": "core.errors",
    "Route": "core.route",
    "Secret": "core.secret",
    "SettingsError": "settings",
    "Why": "core.errors",
}

__version__ = "0.1.0.dev0"
__all__ = sorted(_PLACES)


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"doorward has no public name {name!r}")
    found: object = getattr(import_module(f"doorward.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
