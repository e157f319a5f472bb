"""Whom `--renderer` may name; apart from who draws, so that a command line is read without loading that."""

from __future__ import annotations

from typing import Literal, get_args

from wbtools.errors import InputError

OWN_RENDERER = "Pictures were drawn by wbtools' own renderer"
"""How the notice on pictures that Workbench did not draw begins; the reason follows."""

RendererName = Literal["auto", "workbench", "own"]
RENDERERS: tuple[RendererName, ...] = get_args(RendererName)
"""`auto` is Workbench where it is installed and draws, and wbtools itself in its place."""


def refuse_beside(other: str, renderer: RendererName) -> None:
    """Refuse to choose who draws beside an option that leaves nothing to draw.

    Examples
    --------
    >>> refuse_beside("--no-render", "own")
    Traceback (most recent call last):
    ...
    wbtools.errors.InputError: --renderer means nothing with --no-render
    """
    if renderer != RENDERERS[0]:
        raise InputError(f"--renderer means nothing with {other}", hint=f"leave --renderer or {other} out")
