"""Groups of commands that suggest a near name for a misspelt one."""

from __future__ import annotations

import click

__all__ = ["SuggestingGroup"]


class SuggestingGroup(click.Group):
    """A group whose message for an unknown command names the nearest one, else all of them."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or fail with what may have been meant."""
        # Not left to click, which words it differently from version to version.
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches  # noqa: PLC0415 -- wrong usage only

            names = self.list_commands(ctx)
            near = get_close_matches(args[0].lower(), names, 1)
            meant = f"Did you mean {near[0]!r}?" if near else f"Commands: {', '.join(names)}."
            raise click.UsageError(f"No such command {args[0]!r}. {meant}", ctx)
        return super().resolve_command(ctx, args)
