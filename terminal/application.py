"""A command group, made the same way everywhere."""

import typer


def application(help_text: str) -> typer.Typer:
    """An empty command group. Plain help: rich costs more start-up time than it gives."""
    return typer.Typer(
        help=help_text,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=False,
    )
