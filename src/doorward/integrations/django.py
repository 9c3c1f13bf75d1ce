"""Django: who calls this view, sync or async, under WSGI and ASGI.

    DOORWARD = Doorward("/etc/doorward")                               # in the settings; starts with the first request
    MIDDLEWARE = ["doorward.integrations.django.guard", ...]           # first, if the routes of doorward.toml shall decide

    @csrf_exempt                                                       # doorward asks for CSRF tokens of its own sessions
    @require("api_key or jwt", scopes="read:pets")
    def pets(request): ...                                             # request.principal

A refusal is answered with our document, and the view is not called. Identity fields (X-Auth-*) are taken away where a view asks, or by the
middleware from all.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.utils.decorators import sync_and_async_middleware

from doorward.core.errors import Refused, Why
from doorward.core.route import Route
from doorward.integrations.environ import strip
from doorward.integrations.wsgi import CASE, Admitted, Blocking, Refusal, as_text
from doorward.web.arrival import only_ours
from doorward.web.asgi import Scope

SETTING: Final = "DOORWARD"
View = Callable[..., Any]


class Front(Protocol):
    """What the setting holds: a `Doorward`."""

    @property
    def blocking(self) -> Blocking: ...
    def route(self, allow: str, **words: Any) -> Route: ...


def front() -> Front:
    """Raises ImproperlyConfigured."""
    found = getattr(settings, SETTING, None)
    if found is None or not hasattr(found, "blocking"):
        raise ImproperlyConfigured(f"{SETTING} in the settings is to be a doorward.Doorward, such as Doorward('/etc/doorward')")
    its: Front = found
    return its


@sync_and_async_middleware  # type: ignore[untyped-decorator]
def guard(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """The routes of doorward.toml decide before any view; `request.principal` is who calls."""
    return _around(get_response, lambda: None)


def require(allow: str, **words: Any) -> Callable[[View], View]:
    """On a view; `words` as for `Doorward.route`."""
    made: list[Route] = []

    def route() -> Route:
        if not made:
            made.append(front().route(allow, **words))
        return made[0]

    return lambda view: functools.wraps(view)(_around(view, route))


def _around(view: View, route: Callable[[], Route | None]) -> View:
    if iscoroutinefunction(view):
        asked = sync_to_async(_admit, thread_sensitive=False)

        async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                admitted = await asked(request, route())
            except Refusal as refusal:
                return _refused(refusal)
            answered: Awaitable[Any] = view(request, *args, **kwargs)
            return _told(await answered, admitted)

        return guarded_async

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            admitted = _admit(request, route())
        except Refusal as refusal:
            return _refused(refusal)
        return _told(view(request, *args, **kwargs), admitted)

    return guarded


def _admit(request: HttpRequest, route: Route | None) -> Admitted:
    blocking = front().blocking
    if hasattr(request, "scope"):
        admitted = blocking.decide(lambda: _clean(request.scope), route, lambda most: _body(request, most), getattr(request, CASE, None))
        request.scope["headers"] = only_ours(list(request.scope["headers"]))
        strip(request.META)
        setattr(request, CASE, admitted.case)
    else:
        admitted = blocking.admit(request.META, route, lambda most: _body(request, most))
    vars(request).pop("headers", None)  # made of META, and kept
    request.principal = admitted.principal
    return admitted


def _clean(scope: Scope) -> Scope:
    """Raises Refused(BAD_REQUEST) for identity fields that are spelled with `_`."""
    only_ours(list(scope["headers"]))
    query = scope.get("query_string", b"")
    return {**scope, "query_string": query.encode() if isinstance(query, str) else query}  # text from Django's own test client


def _body(request: HttpRequest, most: int) -> bytes:
    """Django keeps what it read, so the view reads it again. Raises Refused."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    too_large = Refused(Why.BODY_TOO_LARGE, f"A signed body may have {most} bytes.")
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise too_large
    try:
        body: bytes = request.body
    except RequestDataTooBig:
        raise too_large from None
    except RawPostDataException:
        raise Refused(Why.BODY_NOT_SIGNED, note="the body was read as a form before; put the middleware first") from None
    except UnreadablePostError:
        raise Refused(Why.BAD_REQUEST, "The body did not arrive whole.") from None
    if len(body) > most:
        raise too_large
    return body


def _refused(refusal: Refusal) -> HttpResponse:
    status, headers, body = refusal.answer
    return HttpResponse(body, status=status, headers=dict(as_text(headers)))


def _told(response: Any, admitted: Admitted) -> Any:
    for name, value in as_text(admitted.tells):
        response.headers[name] = value
    return response
