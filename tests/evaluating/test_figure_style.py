"""Figures are drawn once, and are those that matplotlib saves."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from wbtools.evaluating.figures.style import look, panels, rendered, styled


def made():
    """Curves with a legend, and an image with a colour bar."""
    with styled():
        figure, (curves, image) = panels(1, 2)
        for place in range(3):
            curves.plot(np.arange(50) ** place, label=f"curve {place}", **look(place))
        curves.legend(loc="upper left")
        curves.set(title="title", xlabel="x", ylabel="y")
        figure.colorbar(image.imshow(np.random.default_rng(0).random((5, 5))), ax=image)
    return figure


@pytest.mark.parametrize("forms", ["svg png", "png svg"])
def test_a_figure_is_drawn_once_for_each_file_and_has_the_bytes_of_savefig(forms, monkeypatch):
    known, figure = [], made()
    for form in forms.split():
        stream = io.BytesIO()
        with styled():
            metadata = {"Date": None} if form == "svg" else {"Software": None}
            figure.savefig(stream, format=form, metadata=metadata, dpi=150)
        known.append(stream.getvalue())
    drawn = []
    draw = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda self, renderer: drawn.append(self) or draw(self, renderer))
    figure = made()
    assert [rendered(figure, form) for form in forms.split()] == known
    assert len(drawn) == 2
