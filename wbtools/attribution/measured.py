"""What was measured of each method on networks whose source of signal is known: one table, a sentence for each caution.

The figures are those of `docs/evidence/known-source.md`; a test compares them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Measured:
    """Voxel AUC of a method for each kind of task: mean over people and networks; None where it was not measured.

    Parameters
    ----------
    planted, volume, lesions : float or None
        Chance that a voxel of the source has the larger magnitude than another voxel of the brain, where the answer
        depends on a planted region, on the volume of a region, on lesions.
    """

    planted: float | None = None
    volume: float | None = None
    lesions: float | None = None


WORDS = {"planted": "planted regions", "volume": "a region's volume", "lesions": "lesions"}
"""The kinds of task, for people."""

MEASURED: dict[str, Measured] = {
    "lrp": Measured(planted=0.71, volume=0.826, lesions=0.747),
    "deviation": Measured(planted=0.837, volume=0.872, lesions=0.938),
    "deviation-magnitude": Measured(planted=0.865, volume=0.945, lesions=0.956),
    "deviation-smooth": Measured(planted=0.943, volume=0.969, lesions=0.991),
    "integrated-gradients": Measured(planted=0.829, volume=0.861, lesions=0.92),
    "gradient": Measured(planted=0.766, volume=0.874, lesions=0.832),
    "gradient-x-input": Measured(planted=0.752, volume=0.887, lesions=0.761),
    "smoothgrad": Measured(planted=0.794, volume=0.883, lesions=0.854),
    "smoothgrad-squared": Measured(planted=0.834, volume=0.931, lesions=0.893),
    "vargrad": Measured(planted=0.83, volume=0.937, lesions=0.884),
    "grad-cam": Measured(planted=0.533, volume=0.629, lesions=0.683),
}
"""By the name of the method."""

_RANKED_BETTER = {("deviation-smooth", "gradient"): "the volume of the thalamus"}
"""By the names of two methods, the answer whose region the second ranked better."""

NOT_MEASURED = "It was not measured on networks whose source of signal is known."


def sentence(name: str) -> str:
    """What was measured of a method, and which did best where another did.

    Parameters
    ----------
    name : str
        Of the method.

    Examples
    --------
    >>> sentence("meaningful-perturbation")
    'It was not measured on networks whose source of signal is known.'
    """
    found = [
        _of_kind(name, kind) for kind, value in asdict(MEASURED.get(name, Measured())).items() if value is not None
    ]
    if not found:
        return NOT_MEASURED
    return f"Measured where the source of signal is known (voxel AUC, .5 is chance): {'; '.join(found)}."


def compared(first: str, second: str) -> str:
    """What was measured of two methods, in words.

    Examples
    --------
    >>> compared("lesions-only", "occlusion")
    'Nothing was measured of both lesions-only and occlusion'
    """
    mine, others = (asdict(MEASURED.get(name, Measured())) for name in (first, second))
    known = [kind for kind in mine if mine[kind] is not None and others[kind] is not None]
    if not known:
        return f"Nothing was measured of both {first} and {second}"
    found = (f"{WORDS[kind]} {_figure(first, kind)} and {_figure(second, kind)}" for kind in known)
    return f"Where the source of signal is known, voxel AUC of {first} and {second}: {', '.join(found)}"


def ranked_better(first: str, second: str) -> str:
    """In which task the second method ranked regions better than the first, in words; empty if in none.

    Examples
    --------
    >>> ranked_better("deviation-smooth", "gradient")
    'where the volume of the thalamus was the answer, gradient ranked it better, else deviation-smooth on average; '
    >>> ranked_better("gradient", "deviation-smooth")
    ''
    """
    answer = _RANKED_BETTER.get((first, second))
    if not answer:
        return ""
    return f"where {answer} was the answer, {second} ranked it better, else {first} on average; "


def best(kind: str) -> str:
    """The method with the highest figure for a kind of task, a field of `Measured`."""
    return max(MEASURED, key=lambda name: getattr(MEASURED[name], kind) or 0.0)


def _of_kind(name: str, kind: str) -> str:
    """One figure, beside the highest if that is another's."""
    mine, top = _figure(name, kind), best(kind)
    other = "" if mine == _figure(top, kind) else f" (best: {top}, {_figure(top, kind)})"
    return f"{WORDS[kind]} {mine}{other}"


def _figure(name: str, kind: str) -> str:
    return f"{getattr(MEASURED[name], kind):.2f}".removeprefix("0")
