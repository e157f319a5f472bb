"""Self-checks of a person's data before anything is published: whether image, surfaces and atlas belong together.

Each check has a name, numbers, and a sentence. A failed check ends the export with exit code 5, unless its name is
given with `--allow`, which is recorded. The bounds are wide: data of adults of any age and scanner and the group
average pass, files of another person or another space fail.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from wbtools.atlas.native import NativeAtlas
from wbtools.errors import CheckError, UnknownChoice
from wbtools.native.checks.finding import CheckResult, Evidence, Finding, Labels
from wbtools.native.checks.placement import fields, sides
from wbtools.native.checks.regions import areas, volumes
from wbtools.native.checks.surfaces import contrast, nesting
from wbtools.native.cortex import Cortex
from wbtools.space.grid import Volume

__all__ = ["CHECKS", "CheckResult", "marked", "require_known", "run"]

CHECKS: Mapping[str, Callable[[Evidence], Finding]] = {
    "fields": fields,
    "sides": sides,
    "nesting": nesting,
    "contrast": contrast,
    "areas": areas,
    "volumes": volumes,
}
"""The checks by name, in their order; the names are the choices of `--allow`."""


def require_known(names: Collection[str]) -> None:
    """Raise InputError if a name of `--allow` is that of no check."""
    if unknown := sorted(set(names) - set(CHECKS)):
        raise UnknownChoice("check", unknown[0], CHECKS, option="--allow")


def run(
    t1w: Volume,
    cortices: Sequence[Cortex],
    areas: Mapping[str, Labels],
    atlas: NativeAtlas,
    allowed: frozenset[str] = frozenset(),
    *,
    own_surfaces: bool = True,
) -> list[CheckResult]:
    """Check one person's image, surfaces and atlas.

    Parameters
    ----------
    t1w : Volume
    cortices : sequence of Cortex
        Every mesh of the export.
    areas : mapping of str to (mapping of Hemisphere to ndarray, (V,))
        Keys of the cortical areas, by mesh and side.
    atlas : NativeAtlas
    allowed : frozenset of str
        Names of checks that may fail.
    own_surfaces : bool
        False for surfaces of a template, whose folding is not this person's.

    Returns
    -------
    list of CheckResult
        In the order of CHECKS.

    Raises
    ------
    InputError
        If `allowed` names no check.
    CheckError
        If a check fails that is not allowed to; all failed checks are listed.
    """
    require_known(allowed)
    evidence = Evidence(t1w, tuple(cortices), areas, atlas, own_surfaces)
    results = [CheckResult.of(name, check(evidence), name in allowed) for name, check in CHECKS.items()]
    failed = [result for result in results if result.refused]
    if failed:
        listed = "".join(f"\n  {result.name}: {result.sentence}" for result in failed)
        raise CheckError(
            f"T1w, surfaces and atlas do not belong together: {len(failed)} of {len(results)} checks failed{listed}",
            hint="give files of one person in one space; or, knowing why, export with "
            + " ".join(f"--allow {result.name}" for result in failed),
        )
    return results


def marked(notice: str, results: Sequence[CheckResult]) -> str:
    """The notice on every picture and file, with the checks that failed and were allowed to.

    Examples
    --------
    >>> marked("Template surfaces", [CheckResult("contrast", False, "the T1w is ...", {}, allowed=True)])
    "Template surfaces. Self-check 'contrast' failed, allowed by the user"
    """
    return ". ".join(part for part in (notice.rstrip("."), *(result.mark for result in results)) if part)
