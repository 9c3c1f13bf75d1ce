"""doorward serve: the server, one worker or many."""

import copy
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import click
import uvicorn

from doorward.cli.check import certificate_warnings, would_start
from doorward.cli.frame import Failed, data_dir, data_option, run
from doorward.cli.listening import add_client_cas, check_pair, exposed, listen, tls_files
from doorward.cli.workers import APP as WORKERS_APP
from doorward.cli.workers import Workers
from doorward.data_dir import DataDir
from doorward.options import Options
from doorward.web.tls_context import TlsFiles

APP = "doorward.server:app"
LISTENER = "doorward.web.listener:Listener"
BACKLOG = 2048
ANSWERS = """Run the server. It answers

\b
  /verify             what a proxy asks for each request
  /auth/…             signing in and out, refreshing
  /oauth/…            token, introspect, revoke, jwks
  /.well-known/…      metadata of the authorization server
  /ca/…               our own CA and its revocation list
  /healthz, /readyz, /metrics
"""
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("serve", help=ANSWERS)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="The port; 0 takes a free one and says which.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that share the data directory.")
@click.option("--tls-cert", type=_FILE, help="The certificate chain, PEM.")
@click.option("--tls-key", type=_FILE, help="Its private key, PEM.")
@click.option(
    "--client-ca", type=_FILE, multiple=True, help="PEM of a CA whose client certificates are taken; as [mtls] client_ca. May be repeated."
)
@click.option(
    "--client-cert",
    type=click.Choice(["optional", "required", "off"]),
    default="optional",
    show_default=True,
    help="Whether TLS asks callers for a certificate: optional asks as soon as a CA is known here; required lets nobody in without one.",
)
@click.option("--log-level", type=click.Choice(["error", "warning", "info", "debug"]), default="info", show_default=True)
@data_option
@click.option("--json", "as_json", is_flag=True, help="Say in JSON where it serves, or why it does not.")
def command(
    host: str,
    port: int,
    workers: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    client_ca: tuple[Path, ...],
    client_cert: str,
    log_level: str,
    data: str | None,
    as_json: bool,
) -> None:
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if tls_cert is None and (client_ca or client_cert == "required"):
        raise click.UsageError("--client-ca and --client-cert need --tls-cert and --tls-key: certificates are shown in TLS")
    place = data_dir(data)
    if tls_cert is not None and tls_key is not None:
        check_pair(tls_cert, tls_key)
    if client_ca:
        add_client_cas(place, client_ca)
    options = run(lambda: would_start(place))
    os.environ["DOORWARD_DATA"] = str(place.path.resolve())
    warned = certificate_warnings(place, options)
    listening = listen(host, port)
    tls = None if tls_cert is None or tls_key is None else tls_files(place, options.mtls, tls_cert, tls_key, client_cert)
    config = _config(workers, log_level, tls)
    where = f"{'https' if tls else 'http'}://{host if ':' not in host else f'[{host}]'}:{listening.getsockname()[1]}"
    _announce(where, place, options, [*([] if tls else exposed(listening, options.server)), *warned], as_json=as_json)
    try:
        served = _one(uvicorn.Server(config), listening) if workers == 1 else _many(Workers(config, [listening]))
    except OSError as reason:
        raise Failed(f"the server ended: {reason.strerror or reason}") from None
    sys.exit(0 if served else 1)


def _announce(where: str, place: DataDir, options: Options, warnings: list[str], *, as_json: bool) -> None:
    if as_json:
        told = {"url": where, "issuer": options.server.issuer, "routes": len(options.routes), "data": str(place.path), "warnings": warnings}
        click.echo(json.dumps(told), err=True)
        return
    routes = f"{len(options.routes)} route{'' if len(options.routes) == 1 else 's'}"
    click.echo(f"doorward serves {where} for {options.server.issuer} with {routes} from {place.path}", err=True)
    for each in warnings:
        click.echo(f"warning: {each}", err=True)


def _config(workers: int, log_level: str, tls: TlsFiles | None) -> uvicorn.Config:
    return uvicorn.Config(
        APP if workers == 1 else WORKERS_APP,
        factory=True,
        http=LISTENER,
        workers=workers,
        log_config=_logging(log_level),
        log_level=log_level,
        access_log=False,  # the query of a request may hold a credential; refusals have a log line of their own
        server_header=False,
        date_header=True,
        proxy_headers=False,  # who is believed is decided by `trusted_proxies` alone
        lifespan="on",
        backlog=BACKLOG,
        ssl_certfile=tls.certificate if tls is not None else None,
        ssl_keyfile=tls.key if tls is not None else None,
        ssl_context_factory=tls,
        timeout_graceful_shutdown=10,
    )


def _one(server: uvicorn.Server, listening: socket.socket) -> bool:
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # uvicorn has ended in good order, and then passes it on
    except SystemExit:
        return False  # uvicorn's own code for a start that failed is none of ours
    return server.started


def _many(workers: Workers) -> bool:
    workers.run()
    return not workers.failed


def _logging(level: str) -> dict[str, Any]:
    """uvicorn's, and the same for what doorward says: each refusal is a line with its request id."""
    config = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    config["loggers"]["doorward"] = {"handlers": ["default"], "level": level.upper(), "propagate": False}
    return config
