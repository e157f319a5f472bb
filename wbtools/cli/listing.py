"""Groups of commands whose help lists each with its whole first sentence."""

from __future__ import annotations

import click

_LONGEST = 1000
"""Letters of a sentence; click would cut it where the line ends."""


class Listing(click.Group):
    """A group whose help wraps what commands do, instead of cutting it off."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As in click, with whole sentences."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, each.get_short_help_str(_LONGEST)) for name, each in found if each and not each.hidden]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
