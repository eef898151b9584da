"""The command line: `python -m flows.main COMMAND`; without a command it is `journals`.

The modules of the commands import the flows only when a command runs, so that help and wrong use are quick.
"""

from __future__ import annotations

import click
from click_default_group import DefaultGroup

from blocks.process import run_command
from flows.cli.audit import audit
from flows.cli.automations import automations
from flows.cli.incidents import incidents
from flows.cli.journals import journals
from flows.cli.payments import payments
from flows.cli.sandbox import sandbox
from flows.cli.withdraw import withdraw


class _Commands(DefaultGroup):  # type: ignore[misc]
    """The commands, of which journals may be left out; a word that is none of them is a slip."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        slip = cmd_name not in self.commands and not cmd_name.startswith("-")
        return None if slip else super().get_command(ctx, cmd_name)


@click.group(
    cls=_Commands,
    default="journals",
    default_if_no_args=True,
    commands=[journals, payments, audit, withdraw, incidents, automations, sandbox],
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="daybook", prog_name="daybook")
def main() -> None:
    """Daybook: Mambu's journal lines to Xero as draft manual journals; Xero's payments to Infor LN.

    The default command (*) is journals. Exit codes: 0 done and nothing open; 1 the run failed, something does
    not tie out, or something is refused; 2 wrong use or configuration; 130 interrupted, 143 terminated.
    """


if __name__ == "__main__":
    run_command(main, "python -m flows.main")
