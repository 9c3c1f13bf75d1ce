"""core/gate.py over any policy and any set of credentials: what SECURITY.md promises first."""

from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.errors import Refused, Why
from doorward.core.policy import AllOf, AnyOf, Binder, By, Policy, alternatives
from doorward.core.route import Route
from tests.core.stage import Shows, request, shows, stage

AMBIENT = {"session", "mtls"}
NAMES = ["api_key", "jwt", "hmac", *sorted(AMBIENT)]


def _larger(inner: st.SearchStrategy[Policy]) -> st.SearchStrategy[Policy]:
    two = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(AnyOf, two), st.builds(AllOf, two, st.sampled_from([Binder.SAME_SUBJECT, Binder.INDEPENDENT])))


policies: st.SearchStrategy[Policy] = st.recursive(st.sampled_from([By(name) for name in NAMES]), _larger, max_leaves=6)
states = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["good", "good", "bad", "broken", "down"]))


def possible(policy: Policy) -> bool:
    try:
        alternatives(policy)
    except ValueError:
        return False
    return True


@given(policies.filter(possible), states)
@settings(max_examples=300)
async def test_only_proven_alternatives_are_admitted(policy: Policy, shown: dict[str, str]) -> None:
    methods = [Shows(name, ambient=name in AMBIENT, csrf="t" if name in AMBIENT else None) for name in NAMES]
    on = stage(*methods, routes=[Route(path="/pets", allow=policy)])
    asked = {name: state for name, state in shown.items() if name in Route(path="/", allow=policy).asked}
    stale = {name for name in asked if asked[name] == "broken" and name in AMBIENT}
    asked = {name: state for name, state in asked.items() if name not in stale}
    ways = [set(way.methods) for way in alternatives(policy)]
    try:
        case = await on.gate.admit(request(headers=shows(**shown)))
    except Refused as refused:
        if "broken" in asked.values() or (stale and not any(way <= asked.keys() and way - AMBIENT for way in ways)):
            assert refused.why is Why.MALFORMED
        elif not any(way <= asked.keys() for way in ways):
            assert refused.why is Why.MISSING
        elif not any(way <= asked.keys() and asked.keys() - AMBIENT <= way for way in ways):
            assert refused.why is Why.TWO_ALTERNATIVES
        else:
            assert refused.why in (Why.UNKNOWN, Why.UNAVAILABLE)
            assert set(asked.values()) - {"good"}
        return
    assert case.principal is not None
    used = set(case.principal.methods)
    assert used in ways
    assert {asked[name] for name in used} == {"good"}
    assert asked.keys() - AMBIENT <= used, "an explicit credential was left unproven"
