from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, g, jsonify, request
from flask.typing import ResponseReturnValue

from doorward.core.proof import Principal
from doorward.integrations.flask import FlaskDoor, principal
from doorward.integrations.wsgi import Blocking
from tests.integrations.wsgi_caller import blocking
from tests.web.door import route

LOCAL = {"REMOTE_ADDR": "127.0.0.1"}


@pytest.fixture
def its() -> Iterator[Blocking]:
    made = blocking()
    yield made
    made.thread.stop()


def made(its: Blocking, *, read_before: bool = False) -> Flask:
    app = Flask(__name__)
    door = FlaskDoor(its, lambda allow, **words: route("/**", allow, **words), app)

    if read_before:
        app.before_request(lambda: dict(request.form).get(""))

    @app.get("/pets")
    @door.require("api_key", scopes=frozenset({"read:pets"}))
    def pets() -> ResponseReturnValue:
        found = principal()
        assert found is not None
        return jsonify(caller=g.principal.subject, same=found.subject, auth=[name for name, _ in request.headers if "Auth" in name])

    @app.post("/pets")
    @door.require("api_key")
    def add(principal: Principal) -> ResponseReturnValue:
        return {"caller": principal.subject, "size": len(request.get_data())}, 201, {"X-Own": "1"}

    @app.get("/never")
    @door.require("api_key", scopes=frozenset({"other"}))
    def never() -> ResponseReturnValue:
        raise AssertionError

    return app


def ask(app: Flask, path: str = "/pets", key: str | None = "ann", **more: Any) -> Any:
    headers = {"X-API-Key": key} if key else {}
    return app.test_client().open(path, headers=headers | more.pop("headers", {}), environ_base=LOCAL, **more)


def test_a_view_knows_who_calls_and_nobody_says_it_in_our_name(its: Blocking) -> None:
    answer = ask(made(its), headers={"X-Auth-Subject": "eve"})
    assert (answer.status_code, answer.json) == (200, {"caller": "ann", "same": "ann", "auth": []})
    assert answer.headers["X-Request-Id"]


def test_a_refusal_is_our_document(its: Blocking) -> None:
    app = made(its)
    for path, key, status, code in (
        ("/pets", "wrong", 401, "invalid_credential"),
        ("/pets", None, 401, "missing_credential"),
        ("/never", "ann", 403, "insufficient_scope"),
    ):
        answer = ask(app, path, key)
        assert (answer.status_code, answer.json["code"], answer.content_type) == (status, code, "application/problem+json")
        assert answer.headers["WWW-Authenticate"]


def test_a_signed_body_is_there_for_the_view_also_if_it_was_read_before(its: Blocking) -> None:
    for app in (made(its), made(its, read_before=True)):
        answer = ask(app, key="signer", method="POST", data=b"hello")
        assert (answer.status_code, answer.json, answer.headers["X-Own"]) == (201, {"caller": "signer", "size": 5}, "1")
        large = ask(app, key="signer", method="POST", data=bytes(1025))
        assert (large.status_code, large.json["code"]) == (413, "body_too_large")


def test_the_door_stands_before_the_whole_application(its: Blocking) -> None:
    app = Flask(__name__)

    @app.get("/")
    def who() -> str:
        found = principal()
        return found.subject if found else "nobody"

    FlaskDoor(its, route).guard(app, route("/**"))
    assert ask(app, "/").text == "ann"
    assert ask(app, "/nothing", None).status_code == 401
