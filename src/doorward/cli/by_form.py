"""A command that has several forms, each with options of its own in a file of its own: `doorward sign --hmac …`."""

from collections.abc import Mapping
from typing import Any

import click


class ByForm(click.Command):
    """`forms`: by the option that chooses it, the first one of the form. Each has a help of its own."""

    def __init__(self, name: str, *, help: str, forms: Mapping[str, click.Command]) -> None:
        super().__init__(name, help=help, options_metavar=f"({' | '.join(forms)}) [OPTIONS]")
        self.forms = forms

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Forms"):
            formatter.write_dl([(f"{flag} --help", form.help or "") for flag, form in self.forms.items()])
        super().format_options(ctx, formatter)

    def make_context(self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any) -> click.Context:
        chosen = [form for flag, form in self.forms.items() if any(arg == flag or arg.startswith(f"{flag}=") for arg in args)]
        if len(chosen) == 1:
            return chosen[0].make_context(info_name, args, parent, **extra)
        if not chosen and any(arg in ("-h", "--help") for arg in args):
            return super().make_context(info_name, args, parent, **extra)
        raise click.UsageError(f"write one of {', '.join(self.forms)}", parent)
