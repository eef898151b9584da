"""The command line: `python -m flows.main COMMAND`; without a command it is `journals`.

The modules of the commands import the flows only when a command runs, so that help and wrong use are quick.
"""

from __future__ import annotations

import click

from blocks.process import run_command
from flows.cli.audit import audit
from flows.cli.automations import automations
from flows.cli.incidents import incidents
from flows.cli.journals import journals
from flows.cli.payments import payments
from flows.cli.sandbox import sandbox
from flows.cli.withdraw import withdraw


class _JournalsByDefault(click.Group):
    """A group whose command may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in {"-h", "--help", "--version"}):
            named = [arg for arg in args if not arg.startswith("-")]
            if args and not args[0].startswith("-") and named:
                return super().parse_args(ctx, args)
            args = ["journals", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=_JournalsByDefault,
    commands=[journals, payments, audit, withdraw, incidents, automations, sandbox],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="daybook", prog_name="daybook")
def main() -> None:
    """Daybook: Mambu's journal lines to Xero as draft manual journals; Xero's payments to Infor LN.

    The default command is journals. Exit codes: 0 done and nothing open; 1 the run failed, something does
    not tie out, or something is refused; 2 wrong use or configuration; 130 interrupted, 143 terminated.
    """


if __name__ == "__main__":
    run_command(main, "python -m flows.main")
