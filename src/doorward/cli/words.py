"""Option types of the command line, and an opened installation for its commands."""

import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import click

from doorward.core.clock import span
from doorward.core.limit import Rate
from doorward.core.store import Unavailable
from doorward.data_dir import DataDir
from doorward.installation import Installation, opened
from doorward.ledger.journal import Chainer, CheckpointKeys

Home = Installation


class SpanType(click.ParamType[float]):
    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return span(str(value))
        except ValueError as reason:
            self.fail(str(reason), param, ctx)


class RateType(click.ParamType[Rate]):
    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Rate:
        if isinstance(value, Rate):
            return value
        try:
            return Rate.parse(str(value))
        except ValueError as reason:
            self.fail(str(reason), param, ctx)


SPAN: Final = SpanType()
RATE: Final = RateType()


@asynccontextmanager
async def at_home(data: DataDir, *, link: bool = True) -> AsyncIterator[Home]:
    """What a command has journaled is linked when it ends: there may be no server to do it."""
    async with opened(data, os.environ) as home:
        yield home
        if link:
            with contextlib.suppress(Unavailable):
                await Chainer(home.store.journal, CheckpointKeys(home.peppers), data.path).link()
