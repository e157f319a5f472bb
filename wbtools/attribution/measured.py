"""What was measured of each method on networks whose source of signal is known: one table, a sentence for each caution.

The figures are those of `docs/evidence/methods.md`; a test compares them.
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
    "lrp": Measured(planted=0.783, volume=0.828),
    "deviation": Measured(planted=0.929, volume=0.782),
    "deviation-moved": Measured(planted=0.945, volume=0.844),
    "lrp-epsilon": Measured(planted=0.805, volume=0.856),
    "lrp-gamma": Measured(planted=0.81, volume=0.828),
    "lrp-alpha-beta": Measured(planted=0.764, volume=0.787),
    "lrp-flat": Measured(planted=0.785, volume=0.843),
    "lrp-w-square": Measured(planted=0.798, volume=0.819),
    "lrp-box": Measured(planted=0.789, volume=0.827),
    "integrated-gradients": Measured(planted=0.919, volume=0.777),
    "integrated-gradients-zero": Measured(planted=0.877, volume=0.856),
    "gradient": Measured(planted=0.856, volume=0.842),
    "gradient-x-input": Measured(planted=0.869, volume=0.856),
    "gradient-x-difference": Measured(planted=0.915, volume=0.756),
    "smoothgrad": Measured(planted=0.878, volume=0.851),
    "smoothgrad-x-input": Measured(planted=0.887, volume=0.864),
    "smoothgrad-x-difference": Measured(planted=0.923, volume=0.765),
    "smoothgrad-squared": Measured(planted=0.938, volume=0.93),
    "smoothgrad-squared-x-input": Measured(planted=0.921, volume=0.926),
    "smoothgrad-squared-x-difference": Measured(planted=0.943, volume=0.802),
    "vargrad": Measured(planted=0.94, volume=0.945),
    "vargrad-x-input": Measured(planted=0.918, volume=0.939),
    "vargrad-x-difference": Measured(planted=0.938, volume=0.802),
    "guided-backprop": Measured(planted=0.81, volume=0.783),
    "grad-cam": Measured(planted=0.698, volume=0.734),
    "hires-cam": Measured(planted=0.673, volume=0.735),
    "attention": Measured(planted=0.625, volume=0.622),
}
"""By the name of the method."""

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
