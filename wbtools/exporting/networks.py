"""The networks of an export: loaded, found to give what is to be explained, and named for files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wbtools import model
from wbtools.attribution import KINDS, default_method, method
from wbtools.attribution.reference import require_alike
from wbtools.attribution.registry import ENTRIES
from wbtools.errors import InputError
from wbtools.exporting.explanation import ExplanationOptions
from wbtools.exporting.references.choice import TEMPLATE, USUAL
from wbtools.exporting.references.planned import takes_reference_brain
from wbtools.exporting.settings import ExportSettings
from wbtools.model import Model
from wbtools.output import names as naming
from wbtools.subject.selection import Comparison, FoundPerson


def load(
    models: Sequence[Path], options: ExplanationOptions, compared: Comparison, *, tried: bool = True
) -> list[Model]:
    """The networks that were asked for, each of a kind that gives what is to be explained.

    Parameters
    ----------
    models : sequence of Path
        Checkpoints; none means the built-in network.
    options : ExplanationOptions
    compared : Comparison
    tried : bool
        As for `model.load`.

    Raises
    ------
    InputError
        If a network cannot be loaded, or has not what is to be explained.
    """
    networks = [model.load(path, tried=tried) for path in models] or [model.built_in()]
    for network in networks:
        target = options.target_of(network)
        target.require_known(network, 0 if compared.other is None else 1 + len(compared.others))
        target.require_existing(network)
        options.companion_of(network)
    return networks


def require_references(networks: Sequence[Model], settings: ExportSettings) -> None:
    """Require that there are the brains that methods compare with, and that those which were asked for are used.

    Raises
    ------
    InputError
        If a network trained on whole heads has no reference, or none is explained by a method that compares with
        several brains; where the template is asked for, with a single one.
    """
    for network in networks:
        if any(
            takes_reference_brain(how, network, settings.references) for how in settings.explanation.methods_of(network)
        ):
            require_alike(network.card, network.reference)
    asked = settings.references
    if asked == USUAL:
        return
    how = [used for network in networks for used in settings.explanation.methods_of(network)]
    if not any(used.several_references or (asked.name == TEMPLATE and used.reference) for used in how):
        names = list(dict.fromkeys(used.name for used in how))
        methods = f"the method{'s' if len(names) > 1 else ''} {' and '.join(names)}"
        what = "a reference brain" if asked.name == TEMPLATE else "several brains"
        raise InputError(
            f"--references {asked.typed} is not used: {methods} cannot compare with {what}",
            hint=_to_have_them_used(networks, settings),
        )


def _to_have_them_used(networks: Sequence[Model], settings: ExportSettings) -> str:
    """Which methods compare these networks' answers with those for several brains; the default one first."""
    from wbtools.attribution.engine.difference import can_follow

    targets = [(network, settings.explanation.target_of(network)) for network in networks]
    known = any(can_follow(network.network, target.answer) for network, target in targets)
    able = [name for name, entry in ENTRIES.items() if known or entry.layers != "known"]
    able = [name for name in able if method(name).several_references]
    if not able:
        return "leave --references out: several brains are compared only by networks whose every layer is known"
    usual = next((name for network, target in targets if (name := default_method(network, target)) in able), "")
    listed = ", ".join(
        f"{name} (the default)" if name == usual else name for name in sorted(able, key=lambda name: name != usual)
    )
    return f"leave --references out, or choose --method from {listed}"


def without_comparison(network: Model, options: ExplanationOptions, people: int) -> str:
    """That a map is not of those compared with, in a sentence; empty where it is, or nobody is compared with.

    Parameters
    ----------
    network : Model
    options : ExplanationOptions
    people : int
        How many others there are.
    """
    target = options.target_of(network)
    if not people or target.compares:
        return ""
    able = [f"--target {kind.name}" for kind in KINDS.values() if 0 < kind.people <= people and kind.fits(network)]
    end = f"; {' or '.join(able)} explains the comparison" if able else ""
    return (
        f"The map is not of the comparison with --other, which only the decision tells of: it explains this person "
        f"alone (--target {target}){end}."
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
