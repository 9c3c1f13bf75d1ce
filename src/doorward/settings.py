"""doorward.toml and the environment -> the options that each part declares beside itself.

An option is a field of a frozen dataclass; its type says how it is written: `float` a span ("10s"), `Rate` "100/m",
`tuple[str, ...]` and `frozenset[str]` a list (or words in one string), `Rate | None` also "off". `DOORWARD_SECTION__NAME`
overrides `[section] name`; lists are given as JSON there.
"""

import dataclasses
import difflib
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import NoneType
from typing import Any, Final, TypeVar, get_args, get_type_hints

from doorward.core.clock import span
from doorward.core.limit import Rate
from doorward.toml_lines import Lines

T = TypeVar("T")
Place = Callable[[Iterable[str]], str]
"""Where names of one table were written, for an error; of no name: where the table begins."""
ENVIRONMENT: Final = "DOORWARD_"
NOT_SETTINGS: Final = frozenset({"DOORWARD_DATA"})
LARGEST: Final = 1024 * 1024


class SettingsError(ValueError):
    """A sentence with the place (file and line, or the variable) and the mend."""


class Settings:
    """What was written. `options` reads one section for one part; `check` refuses what no part has asked for."""

    def __init__(self, text: str = "", environ: Mapping[str, str] | None = None, name: str = "doorward.toml") -> None:
        if len(text) > LARGEST:
            raise SettingsError(f"{name} is larger than 1 MiB")
        try:
            self._tables: dict[str, Any] = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as reason:
            raise SettingsError(f"{name} is not TOML: {reason}") from None
        self._lines = Lines(text)
        self._name = name
        self._environ = {key: value for key, value in (environ or {}).items() if key.startswith(ENVIRONMENT) and key not in NOT_SETTINGS}
        self._known: dict[str, set[str]] = {}

    @classmethod
    def read(cls, path: Path, environ: Mapping[str, str]) -> "Settings":
        """A file that is not there is an empty one. Raises SettingsError."""
        try:
            text = path.read_text("utf-8") if path.exists() else ""
        except (OSError, UnicodeDecodeError) as reason:
            raise SettingsError(f"{path.name} cannot be read: {reason.__class__.__name__}; it must be a UTF-8 text of this user") from None
        return cls(text, environ, path.name)

    def options(self, section: str, kind: type[T]) -> T:
        """The options of this dataclass from `[section]`. Several parts may read one section. Raises SettingsError."""
        table = self._tables.get(section, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{self._where(section)}: write [{section}] as a table")
        hints = get_type_hints(kind)
        values: dict[str, object] = {}
        for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # T is a dataclass
            self._known.setdefault(section, set()).add(field.name)
            variable = f"{ENVIRONMENT}{section}__{field.name}".upper()
            if variable in self._environ:
                values[field.name] = self._converted(hints[field.name], _from_text(self._environ[variable], hints[field.name]), variable)
            elif field.name in table:
                values[field.name] = self._converted(hints[field.name], table[field.name], self._where(section, field.name))
        try:
            return kind(**values)
        except ValueError as reason:
            raise SettingsError(placed(self.where(section, mentioned(reason, values)), reason)) from None

    def each(self, section: str) -> list[tuple[Place, dict[str, Any]]]:
        """The tables of `[[section]]` with the place of each; the variable DOORWARD_SECTION (JSON) replaces them all."""
        self._known.setdefault(section, set())
        variable = f"{ENVIRONMENT}{section}".upper()
        tables, place = self._tables.get(section, []), self._place_in_file
        if variable in self._environ:
            place = _place_in_variable
            try:
                tables = json.loads(self._environ[variable])
            except (ValueError, RecursionError):
                raise SettingsError(f"{variable} is not JSON; write a list of objects") from None
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            if variable in self._environ:
                raise SettingsError(f"{variable} is not a list of objects")
            raise SettingsError(f"{self._where(section)}: write each as [[{section}]]")
        return [(partial(place, section, number), table) for number, table in enumerate(tables)]

    def fields(self, kind: type[T], table: Mapping[str, object], place: Place) -> dict[str, object]:
        """The values of one table of `each`, converted by the fields of `kind`; unknown names are refused."""
        hints = get_type_hints(kind)
        known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]  # T is a dataclass
        for name in table:
            if name not in known:
                raise SettingsError(f"{place([name])}: {_unknown('setting', name, known)}")
        return {name: self._converted(hints[name], value, place([name])) for name, value in table.items()}

    def reserve(self, section: str, *names: str) -> None:
        """Names of the environment that somebody else reads."""
        self._known.setdefault(section, set()).update(names)

    def check(self) -> None:
        """Raises SettingsError for a section, name or variable that no part has asked for: fail closed."""
        for section, table in self._tables.items():
            if section not in self._known:
                raise SettingsError(f"{self._where(section)}: {_unknown('section', section, set(self._known))}")
            for name in table if isinstance(table, dict) else ():
                if name not in self._known[section]:
                    raise SettingsError(f"{self._where(section, name)}: {_unknown('setting', name, self._known[section])}")
        for variable in self._environ:
            section, _, name = variable.removeprefix(ENVIRONMENT).lower().partition("__")
            known = self._known.get(section)
            if known is None:
                mend = _unknown("section", section, set(self._known))
            elif bool(known) != bool(name):
                mend = f"write {ENVIRONMENT}{section.upper()}" + ("__NAME" if known else ", a JSON list of objects")
            elif name not in known and known:
                mend = _unknown("setting", name, known)
            elif variable != variable.upper():
                mend = f"write {variable.upper()}"
            else:
                continue
            raise SettingsError(f"the environment, {variable[:80]}: {mend}")

    def where(self, section: str, names: Iterable[str] = ()) -> str:
        """Where these settings were given: each its line, or its variable. None of them: where the section begins."""
        places = []
        for name in names:
            variable = f"{ENVIRONMENT}{section}__{name}".upper()
            places.append(variable if variable in self._environ else self._where(section, name))
        return " and ".join(places) or self._where(section)

    def _where(self, section: str, name: str | None = None) -> str:
        return self._lines.place(self._name, section, name=name)

    def _place_in_file(self, section: str, number: int, names: Iterable[str]) -> str:
        name = next(iter(names), None)
        return self._lines.place(self._name, section, number, name)

    def _converted(self, hint: Any, value: object, place: str) -> object:
        try:
            return convert(hint, value)
        except ValueError as reason:
            raise SettingsError(f"{place}: {reason}") from None


def mentioned(reason: ValueError, names: Iterable[str]) -> list[str]:
    """Those of the names that the sentence of an option's own check speaks of, in its order."""
    found = {name: re.search(rf"\b{re.escape(name)}\b", str(reason)) for name in names}
    return sorted((name for name, match in found.items() if match), key=lambda name: str(reason).index(name))


def placed(place: str, reason: ValueError) -> str:
    """A part's own sentence with its place; the name of the setting, with which both may speak of it, is told once."""
    name, _, rest = str(reason).partition(": ")
    return f"{place}: {rest if rest and place.endswith(f' {name}') else reason}"


def _place_in_variable(section: str, number: int, names: Iterable[str]) -> str:
    name = next(iter(names), None)
    return f"{ENVIRONMENT}{section.upper()}, object {number + 1}" + (f", {name}" if name else "")


def _unknown(kind: str, word: str, known: set[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"unknown {kind} {word[:60]!r}" + (f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}")


def _from_text(text: str, hint: Any) -> object:
    """A value of the environment, as TOML would have given it."""
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    if hint is bool and text in ("true", "false"):
        return text == "true"
    if hint is int and text.removeprefix("-").isdecimal() and len(text) < 20:
        return int(text)
    return text


def convert(hint: Any, value: object) -> object:
    """`value` as TOML gives it -> what the type asks for. Raises ValueError with what to write."""
    if hint is Any:
        return value  # its part reads it by hand
    choices = get_args(hint)
    if NoneType in choices:
        if value == "off":
            return None
        hint = next(each for each in choices if each is not NoneType)
        choices = get_args(hint)
    if hint is bool or hint is int:
        if type(value) is not hint:
            raise ValueError(f"{value!r} is not {'true or false' if hint is bool else 'a whole number'}")
        return value
    if hint is float:
        return _seconds(value)
    if hint is Rate:
        return Rate.parse(_text(value))
    if hint is str:
        return _text(value)
    if choices and choices[0] is str:
        words = value.split() if isinstance(value, str) else value
        if not isinstance(words, list) or not all(isinstance(each, str) for each in words):
            raise ValueError(f"{value!r} is not a list of texts")
        return frozenset(words) if frozenset in (hint, getattr(hint, "__origin__", None)) else tuple(words)
    raise TypeError(f"no way to write {hint} in a file")


def _seconds(value: object) -> float:
    if isinstance(value, str):
        return span(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e10:
        return float(value)
    raise ValueError(f"{value!r} is not a length of time; write it as 10s, 5m, 24h or 30d")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text; put it in quotes")
    return value
