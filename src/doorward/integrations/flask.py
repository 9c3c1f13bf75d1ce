"""Flask: who calls this view.

    pets = Doorward("/etc/doorward").flask(app)

    @app.get("/pets")
    @pets.require("api_key or jwt", scopes="read:pets")
    def list_pets(): ...                                     # g.principal; or a parameter that is called `principal`

A refusal is answered with our document, and the view is not called. Identity fields (X-Auth-*) are taken away where a view asks; before
that, `before_request` functions have seen them. `pets.guard(app)` puts the door before the whole application.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

from flask import Flask, Response, current_app, g, make_response, request

from doorward.core.errors import Refused, Why
from doorward.core.proof import Principal
from doorward.core.route import Route
from doorward.integrations.environ import reader
from doorward.integrations.wsgi import Blocking, Refusal, WsgiGuard, as_text

NAME: Final = "doorward"
_ARGUMENT: Final = "principal"
View = Callable[..., Any]


class FlaskDoor:
    """An extension: `app.extensions["doorward"]`. `route_of` makes a route of a policy and the words of doorward.toml."""

    def __init__(self, blocking: Blocking, route_of: Callable[..., Route], app: Flask | None = None) -> None:
        self._blocking, self._route_of = blocking, route_of
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        app.extensions[NAME] = self

    def guard(self, app: Flask, route: Route | None = None) -> None:
        """Every request is decided before Flask sees it: by `route`, or by the routes of doorward.toml."""
        app.wsgi_app = WsgiGuard(app.wsgi_app, self._blocking, route)  # type: ignore[method-assign]

    def require(self, allow: str, **words: Any) -> Callable[[View], View]:
        """On a view, below `@app.route`; `words` as for `Doorward.route`."""
        route = self._route_of(allow, **words)

        def decorate(view: View) -> View:
            takes = _ARGUMENT in inspect.signature(view).parameters

            @functools.wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                try:
                    admitted = self._blocking.admit(request.environ, route, _body)
                except Refusal as refusal:
                    status, headers, body = refusal.answer
                    return Response(body, status, as_text(headers))
                g.principal = admitted.principal
                named = {_ARGUMENT: admitted.principal} if takes else {}
                response = make_response(current_app.ensure_sync(view)(*args, **kwargs, **named))
                response.headers.extend(as_text(admitted.tells))
                return response

            return guarded

        return decorate


def principal() -> Principal | None:
    """Who calls, after `require`; where the door stands before the whole application, anywhere."""
    found: Principal | None = g.get("principal") or request.environ.get("doorward.principal")
    return found


def _body(most: int) -> bytes:
    """Raises Refused: BODY_TOO_LARGE, BODY_NOT_SIGNED and those of `reader`."""
    if "stream" not in vars(request._get_current_object()):  # type: ignore[attr-defined]  # noqa: SLF001 - Werkzeug's word for what stands behind its proxy
        return reader(request.environ, most)()
    if request.content_length is not None and request.content_length > most:
        raise Refused(Why.BODY_TOO_LARGE, f"A signed body may have {most} bytes.")
    body = request.get_data(cache=True, parse_form_data=False)  # from Werkzeug's memory if somebody read it before
    if len(body) > most:
        raise Refused(Why.BODY_TOO_LARGE, f"A signed body may have {most} bytes.")
    return body
