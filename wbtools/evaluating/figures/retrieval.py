"""What the nearest are worth, by how many are looked at; and codes as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wbtools.evaluating.figures.style import look, panels, plain, styled
from wbtools.evaluating.findings import Figure
from wbtools.evaluating.retrieval import MEASURES, Values
from wbtools.text import counted


def curves(found: Mapping[str, Mapping[str, Values]], chance: Mapping[str, Values]) -> Figure:
    """Three panels: mAP, precision and recall by how many of the nearest are looked at.

    Parameters
    ----------
    found : mapping of str to mapping of str to ndarray, (N,)
        By what to call the checkpoint, and a name of `MEASURES`.
    chance : mapping of str to ndarray, (N,)
    """
    with styled():
        figure, axes = panels(1, 3, width=1.1)
        for panel, (name, said) in zip(axes, MEASURES.items(), strict=True):
            n = np.arange(1, len(chance[name]) + 1)
            panel.plot(n, chance[name], color="#888888", linewidth=0.9, label="chance" if name == "map" else None)
            for place, (who, each) in enumerate(found.items()):
                panel.plot(n, each[name], marker=".", label=plain(who) if name == "map" else None, **look(place))
            panel.set(xlabel="N nearest", ylabel=f"{said}@N", ylim=(-0.02, 1.02), title=said)
        figure.legend(loc="outside lower center", ncols=2)
    last = len(chance["map"])
    measured = " ".join(
        f"{who}: {', '.join(f'{said} {values[name][-1]:.3f}' for name, said in MEASURES.items())}."
        for who, values in found.items()
    )
    alt = (
        "Mean average precision, precision and recall by how many of the nearest are looked at. "
        f"Of the {last} nearest: {measured} Chance: precision {chance['precision'][-1]:.3f}."
    )
    return Figure("retrieval", "What the nearest are worth", alt, figure)


def codes(name: str, place: int, bits: NDArray[np.bool_], values: Sequence[str]) -> Figure:
    """Codes as rows of black and white, sorted by class.

    Parameters
    ----------
    name : str
        Of the checkpoint.
    place : int
        Its number, from 1.
    bits : ndarray, (N, B)
    values : sequence of str
        The class of each.
    """
    order = sorted(range(len(bits)), key=lambda row: (values[row], bits[row].tolist()))
    sizes = {value: list(values).count(value) for value in sorted(set(values))}
    ends = np.cumsum(list(sizes.values()))
    with styled():
        figure, (axes,) = panels()
        axes.grid(visible=False)
        axes.imshow(bits[order], cmap="Greys", aspect="auto", interpolation="nearest", vmin=0, vmax=1)
        for end in ends[:-1]:
            axes.axhline(end - 0.5, color="#D55E00", linewidth=1.2)
        axes.set_yticks(ends - np.array(list(sizes.values())) / 2 - 0.5, [plain(value) for value in sizes])
        axes.set(xlabel="bit", title=plain(name))
    shares = ", ".join(f"{value} {count}" for value, count in sizes.items())
    alt = (
        f"Codes of {counted(len(bits), 'image')} of {name}, {counted(bits.shape[1], 'bit')} each, "
        f"a row for each image, black for 1, "
        f"sorted by class: {shares}."
    )
    return Figure(f"codes-{place}", f"Codes, {name}", alt, figure)
