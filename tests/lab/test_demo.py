"""The demo is the main job, from outside: it must pass whole, and it must be able to fail."""

from doorward.lab import demo
from doorward.lab.tally import Tally


def test_the_demo_passes() -> None:
    said: list[str] = []
    tally = demo.run(said.append)
    assert tally.failures == []
    assert tally.passed > 130
    assert set(tally.rows) == {
        *("api_key", "basic", "jwt", "session", "cookies", "hmac", "http_signature", "access_token", "dpop", "mtls", "mtls + oauth"),
        *("other issuer", "webhook", "together", "doors"),
    }
    for row, columns in tally.rows.items():
        assert columns["used"], f"{row} was never used for real"


def test_a_failed_check_is_counted_and_told() -> None:
    said: list[str] = []
    tally = Tally(said.append)
    tally.note("jwt", "forged", "alg none -> 401", passed=False, seen="200")
    tally.note("jwt", "used", "a token -> 200", passed=True)
    assert tally.summary() == "1 passed, 1 failed"
    assert "FAIL" in said[0]
    assert "1/1" in tally.table()
    assert tally.as_json()["failed"] == 1
