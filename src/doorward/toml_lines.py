"""Where in a TOML text a section or a name stands, for errors that say the line. tomllib does not keep it."""

import re
from typing import Final

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*\"?([A-Za-z0-9_-]+)\"?\s*(\.\s*\"?([A-Za-z0-9_-]+))?")
_NAME: Final = re.compile(r"\s*\"?([A-Za-z0-9_-]+)\"?\s*[=.]")


class Lines:
    """Best effort: a place that is not found is told as the file alone."""

    def __init__(self, text: str) -> None:
        self._sections: dict[str, list[int]] = {}
        self._names: dict[tuple[str, int, str], int] = {}
        section, number = "", 0
        for line_number, line in enumerate(text.split("\n"), start=1):
            if header := _HEADER.match(line):
                if header[3] and header[2] == section:  # [[issuer.rules]]: a part of the table above
                    self._names.setdefault((section, number, header[4]), line_number)
                    continue
                section = header[2]
                starts = self._sections.setdefault(section, [])
                starts.append(line_number)
                number = len(starts) - 1 if header[1] == "[[" else 0
            elif name := _NAME.match(line):
                self._names.setdefault((section, number, name[1]), line_number)

    def place(self, file: str, section: str, number: int = 0, name: str | None = None) -> str:
        starts = self._sections.get(section, [])
        line = self._names.get((section, number, name)) if name else None
        if line is None:
            line = starts[number] if number < len(starts) else self._names.get(("", 0, section))
        what = f"[{section}]" + (f" {name}" if name else "")
        return f"{file}, line {line}, {what}" if line else f"{file}, {what}"
