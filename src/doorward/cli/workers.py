"""Many workers under one parent. What stops all of them at their start stops the parent, instead of being tried for ever."""

import logging
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess

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
