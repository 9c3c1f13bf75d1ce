"""django-oauth-toolkit, its tokens in SQLite: `gunicorn bench.servers.toolkit_server:app`.

CLIENT, SECRET and DATABASE (a file) come from the environment. The secret is kept in clear: hashed, as its default is, each request
would pay for a password hash.
"""

import os

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

settings.configure(
    SECRET_KEY="a bench has no secrets",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"], "CONN_MAX_AGE": None}},
    OAUTH2_PROVIDER={"SCOPES": {"read:pets": "read", "write:pets": "write", "introspection": "ask"}},
)
django.setup()

from oauth2_provider.models import Application  # noqa: E402 - after setup


def ready(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ready")


urlpatterns = [path("", include("oauth2_provider.urls", namespace="oauth2_provider")), path("ready", ready)]
call_command("migrate", verbosity=0)
Application.objects.get_or_create(
    client_id=os.environ["CLIENT"],
    defaults={
        "client_secret": os.environ["SECRET"],
        "hash_client_secret": False,
        "client_type": Application.CLIENT_CONFIDENTIAL,
        "authorization_grant_type": Application.GRANT_CLIENT_CREDENTIALS,
    },
)
app = get_wsgi_application()
