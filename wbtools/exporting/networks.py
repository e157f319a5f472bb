"""The networks of an export: loaded, found to give what is to be explained, and named for files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wbtools import model
from wbtools.errors import InputError
from wbtools.exporting.explanation import ExplanationOptions
from wbtools.exporting.references.choice import TEMPLATE, USUAL
from wbtools.exporting.settings import ExportSettings
from wbtools.model import Model
from wbtools.output import names as naming
from wbtools.subject.selection import Comparison, FoundPerson


def load(models: Sequence[Path], options: ExplanationOptions, compared: Comparison) -> list[Model]:
    """The networks that were asked for, each of a kind that gives what is to be explained.

    Parameters
    ----------
    models : sequence of Path
        Checkpoints; none means the built-in network.
    options : ExplanationOptions
    compared : Comparison

    Raises
    ------
    InputError
        If a network cannot be loaded, or has not what is to be explained.
    """
    networks = [model.load(path) for path in models] or [model.built_in()]
    for network in networks:
        target = options.target_of(network)
        target.require_known(network, 0 if compared.other is None else 1 + len(compared.others))
        target.require_existing(network)
        options.companion_of(network)
    return networks


def require_references_used(networks: Sequence[Model], settings: ExportSettings) -> None:
    """Require that the references that were asked for are used: by a method that compares with several brains.

    Raises
    ------
    InputError
        If no network is explained by one; where the template is asked for, by one that compares with a single brain.
    """
    asked = settings.references
    if asked == USUAL:
        return
    how = [used for network in networks for used in settings.explanation.methods_of(network)]
    if not any(method.several_references or (asked.name == TEMPLATE and method.reference) for method in how):
        names = ", ".join(dict.fromkeys(method.name for method in how))
        raise InputError(
            f"--references {asked.typed} is not used: the method {names} does not compare with several brains",
            hint="use --method deviation, or leave --references out",
        )


def by_name(networks: Sequence[Model], models: Sequence[Path]) -> dict[str, Model]:
    """The networks by their names in files, which tell them apart, and under these names.

    Parameters
    ----------
    networks : sequence of Model
        As `load` gives them.
    models : sequence of Path
        The checkpoints that they come from.
    """
    names = naming.unique([network.name for network in networks], models)
    return {name: network.named(name) for name, network in zip(names, networks, strict=True)}


def deciding(networks: Sequence[Model], people: Sequence[FoundPerson]) -> list[str]:
    """SHA-256 of all files that decide a result beside the subject's own, for `provenance.settings_sha256`."""
    of_networks = [digest for network in networks for digest in network.hashes]
    return of_networks + [digest for person in people for digest in person.files.values()]
