"""core/policy.py: the grammar, what it refuses and where, and the alternatives it unfolds to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.policy import (
    LONGEST,
    METHODS,
    MOST_ALTERNATIVES,
    AllOf,
    Alternative,
    AnyOf,
    Binder,
    Bond,
    By,
    Policy,
    PolicyError,
    alternatives,
    parse,
)


def ways(text: str) -> list[tuple[str, ...]]:
    return [way.methods for way in alternatives(parse(text))]


def test_or_binds_less_than_and() -> None:
    assert parse("api_key or mtls and jwt bound by same_key") == AnyOf((By("api_key"), AllOf((By("mtls"), By("jwt")), Binder.SAME_KEY)))
    assert parse("(api_key or mtls) and jwt bound by independent") == AllOf(
        (AnyOf((By("api_key"), By("mtls"))), By("jwt")), Binder.INDEPENDENT
    )


def test_bound_by_holds_for_its_branch_only() -> None:
    assert parse("jwt bound by dpop or api_key") == AnyOf((AllOf((By("jwt"),), Binder.DPOP), By("api_key")))


def test_oauth_is_a_token_of_ours_jwt_or_opaque() -> None:
    assert ways("oauth") == [("jwt",), ("access_token",)]
    assert ways("api_key and oauth bound by app_and_user") == [("api_key", "jwt"), ("api_key", "access_token")]


def test_every_or_is_drawn_outwards_in_the_order_written() -> None:
    assert ways("(basic or hmac) and (jwt or session) bound by independent") == [
        ("basic", "jwt"),
        ("basic", "session"),
        ("hmac", "jwt"),
        ("hmac", "session"),
    ]


def test_inner_bonds_come_before_outer_ones() -> None:
    (way,) = alternatives(parse("(mtls and jwt bound by same_subject) and api_key bound by independent"))
    assert way == Alternative(
        ("mtls", "jwt", "api_key"),
        (Bond(Binder.SAME_SUBJECT, (("mtls",), ("jwt",))), Bond(Binder.INDEPENDENT, (("mtls", "jwt"), ("api_key",)))),
    )
    assert way.bonds[1].methods == ("mtls", "jwt", "api_key")


@pytest.mark.parametrize(
    ("text", "line", "column", "word", "says"),
    [
        ("", 1, 1, "", "expected a method"),
        ("api_key or", 1, 11, "", "expected a method"),
        ("api_kez", 1, 1, "api_kez", "did you mean `api_key`?"),
        ("api_key\n or\n  passkeys", 3, 3, "passkeys", "unknown method"),
        ("zzz", 1, 1, "zzz", "known are api_key, basic"),
        ("API_KEY", 1, 1, "API_KEY", "unknown method"),
        ("api_key and jwt", 1, 1, "api_key", "need `bound by`"),
        ("api_key and jwt bound same_key", 1, 23, "same_key", "expected `by`"),
        ("api_key and jwt bound by same_subjekt", 1, 26, "same_subjekt", "did you mean `same_subject`?"),
        ("api_key and jwt bound by", 1, 25, "", "unknown binder"),
        ("api_key bound by independent", 1, 1, "api_key", "only dpop and same_key may bind one"),
        ("(api_key", 1, 9, "", "expected `)`"),
        ("api_key)", 1, 8, ")", "expected `and`"),
        ("api_key jwt", 1, 9, "jwt", "expected `and`"),
        ("or", 1, 1, "or", "expected a method"),
        ("api_key || jwt", 1, 9, "|", "expected `and`"),
        ("jwt and jwt bound by independent", 1, 1, "jwt", "joined with itself"),
        ("oauth and jwt bound by same_subject", 1, 1, "oauth", "Write `oauth` alone, or `jwt` alone"),
        ("access_token and oauth bound by independent", 1, 1, "access_token", "Write `oauth` alone, or `jwt` alone"),
        ("(" * 17 + "jwt" + ")" * 17, 1, 17, "(", "nested too deeply"),
        (" or ".join(["jwt"] * 65), 1, 1, "jwt", f"{MOST_ALTERNATIVES} alternatives"),
        ("j" * (LONGEST + 1), 1, 1, "j" * 20, f"{LONGEST} characters"),
    ],
)
def test_an_error_names_line_column_and_word(text: str, line: int, column: int, word: str, says: str) -> None:
    with pytest.raises(PolicyError) as error:
        parse(text)
    assert (error.value.line, error.value.column, error.value.word) == (line, column, word)
    assert says in str(error.value)
    assert f"line {line}, column {column}" in str(error.value)


def test_the_caps_themselves_are_allowed() -> None:
    assert len(ways(" or ".join(["jwt"] * MOST_ALTERNATIVES))) == MOST_ALTERNATIVES
    assert parse("(" * 16 + "jwt" + ")" * 16) == By("jwt")
    assert parse("jwt".ljust(LONGEST)) == By("jwt")


def test_a_product_past_the_cap_is_refused_before_it_is_made() -> None:
    """8 methods in 4 groups of 2 alternatives, nested, never multiply out of hand."""
    wide = " or ".join(["(basic or hmac)"] * 30)
    with pytest.raises(PolicyError, match="64 alternatives"):
        parse(f"({wide}) and (jwt or session) bound by independent")


_leaf = st.sampled_from([By(method) for method in (*METHODS, "oauth")])


def _larger(inner: st.SearchStrategy[Policy]) -> st.SearchStrategy[Policy]:
    two = st.lists(inner, min_size=2, max_size=3).map(tuple)
    one = st.tuples(inner)
    return st.one_of(
        st.builds(AnyOf, two),
        st.builds(AllOf, two, st.sampled_from(Binder)),
        st.builds(AllOf, one, st.sampled_from([Binder.DPOP, Binder.SAME_KEY])),
    )


policies: st.SearchStrategy[Policy] = st.recursive(_leaf, _larger, max_leaves=8)


@given(policies)
@settings(max_examples=200)
def test_what_is_written_is_read_back_the_same(policy: Policy) -> None:
    try:
        alternatives(policy)
    except ValueError:
        with pytest.raises(PolicyError):
            parse(str(policy))
    else:
        assert parse(str(policy)) == policy


_words = st.sampled_from([*METHODS, "oauth", "or", "and", "bound", "by", "(", ")", "\n", "dpop", "independent", "x", "é"])


@given(st.one_of(st.text(), st.lists(_words, max_size=40).map(" ".join)))
@settings(max_examples=300)
def test_any_text_is_a_policy_or_an_error_with_its_place(text: str) -> None:
    try:
        policy = parse(text)
    except PolicyError as error:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        assert lines[error.line - 1][error.column - 1 :].startswith(error.word)
    else:
        assert 1 <= len(alternatives(policy)) <= MOST_ALTERNATIVES
