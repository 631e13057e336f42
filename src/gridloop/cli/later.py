"""Commands that are imported when they are called: the list of all of them costs the import of none.

What a command does is said in one place, its docstring. The list reads that from the source, without running it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup


class LaterGroup(TyperGroup):
    """A group whose commands are stand-ins until they are asked for."""

    where: ClassVar[Mapping[str, str]]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command itself, imported; a group within this one is there already."""
        if cmd_name not in self.where:
            return super().get_command(ctx, cmd_name)
        module, function = self.where[cmd_name].split(":")
        return typer.main.get_command(_with(cmd_name, getattr(import_module(module), function)))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list in the help: each command with the whole first sentence of what it does."""
        words = {name: docstring(*place.split(":")) for name, place in self.where.items()}
        words |= {name: command.help or "" for name, command in self.commands.items() if name not in words}
        with formatter.section("Commands"):
            formatter.write_dl([(name, first_sentence(text)) for name, text in words.items()])


def commands(help_: str, where: Mapping[str, str], name: str | None = None) -> typer.Typer:
    """An application of commands that are imported when they are called. where: "module:function" of each."""
    app = _app(name=name, help=help_, cls=type("Commands", (LaterGroup,), {"where": where}))
    for command in where:
        app.command(command)(_stand_in)
    return app


def first_sentence(text: str) -> str:
    """What stands before the first full stop at the end of a word, on one line, without the stop."""
    return re.split(r"\.(?:\s|$)", " ".join(text.split()), maxsplit=1)[0]


def docstring(module: str, function: str) -> str:
    """The docstring of a function of a module that need not be imported; empty where there is no source."""
    spec = find_spec(module)
    source = getattr(spec.loader, "get_source", lambda _: None)(module) if spec is not None else None
    for node in ast.parse(source or "").body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return ast.get_docstring(node) or ""
    return ""


def _app(**words: Any) -> typer.Typer:
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, **words)


def _with(name: str, function: Any) -> typer.Typer:
    app = _app()
    app.command(name)(function)
    return app


def _stand_in() -> None:
    """Never called: `LaterGroup.get_command` gives the command itself."""
