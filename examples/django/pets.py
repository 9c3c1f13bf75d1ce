"""A pet store in Django behind doorward, in one file. See README.md."""

import json
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from doorward import Doorward

if not settings.configured:
    settings.configure(
        SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "of this example, which signs nothing with it"),
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.csrf.CsrfViewMiddleware"],
        DOORWARD=Doorward(),
    )

from doorward.integrations.django import require


@require_GET
@require("api_key or jwt or session", scopes="read:pets")
def pets(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"pets": ["Rex", "Mia"], "caller": request.principal.subject})


@csrf_exempt  # doorward asks callers with its session cookie for its own CSRF token
@require_POST
@require("api_key or hmac or session", scopes="write:pets")
async def add(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"added": json.loads(request.body)["name"], "caller": request.principal.subject}, status=201)


@csrf_exempt
@require_POST
@require("webhook", webhook="shop")
def orders(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"order": json.loads(request.body), "caller": request.principal.subject})


urlpatterns = [path("pets", pets), path("pets/new", add), path("hooks/orders", orders)]
app = get_wsgi_application()
