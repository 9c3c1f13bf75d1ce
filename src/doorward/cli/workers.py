"""Many workers under one parent. What stops all of them at their start stops the parent, instead of being tried for ever;
and a worker whose parent is gone, however it went, ends in good order: nobody would start it anew, or could stop it."""

import logging
import multiprocessing
import os
import signal
import socket
import threading

import uvicorn
from uvicorn.supervisors import Multiprocess

from doorward import server
from doorward.web.asgi import App

APP = "doorward.cli.workers:app"
_log = logging.getLogger("uvicorn.error")


class Workers(Multiprocess):
    """`failed`: it did not end because it was asked to."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        self.failed = False
        self._served = False

    def keep_subprocess_alive(self) -> None:
        if self.should_exit.is_set():
            return
        patience = self.config.timeout_worker_healthcheck
        self._served = self._served or any(each.process.is_alive() and each.is_ready(patience) for each in self.processes)
        if self._served or all(each.exitcode is None for each in self.processes):
            super().keep_subprocess_alive()
        else:
            _log.error("a worker ended before any had started, stopping the parent process.")
            self.should_exit.set()
        self.failed = self.should_exit.is_set()


def app() -> App:
    """The server, in a worker of a parent."""
    threading.Thread(target=_end_with_parent, name="doorward parent", daemon=True).start()
    return server.app()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # waits upon a pipe that ends with the parent
        _log.error("the parent process is gone, this worker ends.")
        os.kill(os.getpid(), signal.SIGTERM)
