# What type checkers see; __init__.py imports the same names when they are first asked for.
from doorward.app import Doorward as Doorward
from doorward.core.errors import Code as Code
from doorward.core.errors import Refused as Refused
from doorward.core.errors import Why as Why
from doorward.core.limit import Rate as Rate
from doorward.core.policy import AllOf as AllOf
from doorward.core.policy import AnyOf as AnyOf
from doorward.core.policy import Binder as Binder
from doorward.core.policy import By as By
from doorward.core.policy import Policy as Policy
from doorward.core.policy import PolicyError as PolicyError
from doorward.core.proof import Principal as Principal
from doorward.core.proof import Proof as Proof
from doorward.core.route import Route as Route
from doorward.core.secret import Secret as Secret
from doorward.settings import SettingsError as SettingsError
from doorward.web.behind import Behind as Behind
from doorward.web.behind import BehindOptions as BehindOptions
from doorward.web.key_set import KeySet as KeySet

__version__: str
__all__ = [
    "AllOf",
    "AnyOf",
    "Behind",
    "BehindOptions",
    "Binder",
    "By",
    "Code",
    "Doorward",
    "KeySet",
    "Policy",
    "PolicyError",
    "Principal",
    "Proof",
    "Rate",
    "Refused",
    "Route",
    "Secret",
    "SettingsError",
    "Why",
]
