"""What a scene's description in wb_view's list says of it: as the legend of a figure would."""

from __future__ import annotations

from dataclasses import dataclass

from wbtools.workbench.palette import Palette

SLICES = "sagittal, coronal and axial slices of the T1w"


@dataclass(frozen=True)
class Description:
    """What is shown, on what, in which colours.

    Parameters
    ----------
    what : str
        The map, as the beginning of a sentence.
    places : tuple of str
        What it is drawn on, from above.
    space : str
        The space of all of it.
    unit : str
        Of the map.
    palette : Palette or None
        None where the file is drawn in Workbench's own colours.
    lines : str
        Whose borders the black lines are; empty if none are drawn.
    more : tuple of str
        Sentences of this scene alone.

    Examples
    --------
    >>> made = Description("Relevance", ("the pial 32k_fs_LR surfaces",), "T1w space", "1/mm3", Palette(threshold=0.1))
    >>> for sentence in made.sentences():
    ...     print(sentence)
    Relevance on the pial 32k_fs_LR surfaces, in T1w space.
    Colours (magma) show 1/mm3 from 0 to 1; what is below 0.1 is transparent.
    Grey is sulcal depth.
    """

    what: str
    places: tuple[str, ...]
    space: str
    unit: str
    palette: Palette | None = None
    lines: str = ""
    more: tuple[str, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """What is shown, its colours, what is drawn besides."""
        shown = f"{self.what} on {', and on '.join(self.places)}, in {self.space}."
        return tuple(filter(None, (shown, self._colours(), self._lines(), *self.more)))

    def _colours(self) -> str:
        if not self.palette:
            return ""
        palette, name = self.palette, self.palette.name.value
        low = -palette.high if palette.negative else palette.low
        hidden = "nearer to zero than" if palette.negative else "below"
        threshold = f"; what is {hidden} {palette.threshold:.3g} is transparent" if palette.threshold else ""
        return f"Colours ({name}) show {self.unit} from {low:.3g} to {palette.high:.3g}{threshold}."

    def _lines(self) -> str:
        """What is drawn besides, on surfaces."""
        if not any("surface" in place for place in self.places):
            return ""
        grey = "rey is sulcal depth."
        return f"Black lines are borders of {self.lines} areas, g{grey}" if self.lines else f"G{grey}"
