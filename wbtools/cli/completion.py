"""What a shell offers for words that are not of one kind: files beside ids, names of a registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def files(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Files and folders, for words that may also be an id."""
    return [CompletionItem(begun, type="file")]


def names(known: Iterable[str], *, or_files: bool = False) -> Offer:
    """Names that begin as the word does, and files where there are none and the word may be a path."""
    offered = tuple(known)

    def offer(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        found = [CompletionItem(name) for name in offered if name.startswith(begun)]
        may_be_path = or_files and not (begun and found)
        return [*found, *files(context, parameter, begun)] if may_be_path else found

    return offer
