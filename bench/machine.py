"""Facts about this machine that a reader of the figures needs; no names and no paths."""

import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("cryptography", "PyJWT", "joserfc", "Authlib", "starlette", "uvicorn", "uvloop")


def facts() -> dict[str, str]:
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "Linux" if platform.system() == "Linux" else platform.system(): platform.release().split("-")[0],
        "load": f"{os.getloadavg()[0]:.1f} at the start",
        **{name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    return _field("/proc/cpuinfo", "model name") or platform.machine()


def _memory() -> str:
    kilobytes = _field("/proc/meminfo", "MemTotal").partition(" ")[0]
    return f"{int(kilobytes) / 2**20:.0f} GiB" if kilobytes else "?"


def _field(path: str, name: str) -> str:
    file = Path(path)
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
