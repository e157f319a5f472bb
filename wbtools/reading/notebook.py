"""What a notebook shows of an export: who, what the network said, whether to trust the map, the first regions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.errors import InputError
from wbtools.text import counted, first_of, line

if TYPE_CHECKING:
    from wbtools.reading.results import NetworkResults

_FIRST = 10
_WIDTH = 800
_COLUMNS = ("rank", "calibrated_rank", "z", "p_corrected", "volume_mm3", "share", "score")


def summary(networks: Collection[NetworkResults]) -> str:
    """A short description of an export's networks as HTML; every text is escaped."""
    record = next(iter(networks)).record
    parts = [f"<h4>wbtools export of {_words(record.subject)}</h4>"]
    for network in networks:
        try:
            parts += _network(network)
        except InputError as error:
            parts.append(f"<p>{_words(error)}</p>")
    parts += [f"<p><small>{_words(notice)}</small></p>" for notice in record.notices]
    return "<div>" + "".join(parts) + "</div>"


def summary_of_batch(people: Sequence[Collection[NetworkResults]], unreadable: Mapping[str, str]) -> str:
    """A short description of a batch as HTML: how many, of which networks, what cannot be read, the first people."""
    names = dict.fromkeys(each.name for networks in people for each in networks)
    parts = [f"<h4>wbtools batch: {counted(len(people), 'export')}</h4>"]
    parts.append(f"<p>Networks: {_words(', '.join(names) or 'none')}</p>")
    if unreadable:
        first = first_of([f"{folder}: {why}" for folder, why in unreadable.items()], _FIRST, "; ")
        parts.append(f"<p>{counted(len(unreadable), 'folder')} cannot be read: {_words(first)}</p>")
    head = "<tr><th>person</th><th>network</th><th>method</th><th>map passed its checks</th></tr>"
    rows = [_row(each) for networks in people[:_FIRST] for each in networks]
    more = f"<p>and {len(people) - _FIRST} more</p>" if len(people) > _FIRST else ""
    return "<div>" + "".join(parts) + f"<table>{head}{''.join(rows)}</table>{more}</div>"


def _row(network: NetworkResults) -> str:
    cells = (network.record.subject, network.name, network.method, "yes" if network.passed else "no")
    return f"<tr>{''.join(f'<td>{_words(cell)}</td>' for cell in cells)}</tr>"


def _network(network: NetworkResults) -> list[str]:
    said = network.decision.get("in_words")
    sentences = said if isinstance(said, list) else []
    first = network.table.head(_FIRST)
    table = first[[name for name in _COLUMNS if name in first]].to_html(escape=True, float_format="%.4g", na_rep="n/a")
    overview = network.picture("overview")
    return [
        f"<p><b>{_words(network.title)}</b>, {_words(network.method)}</p>",
        *(f"<p>Decision: {_words(sentence)}</p>" for sentence in sentences),
        f"<p>{_words(network.trust.get('verdict', 'The map was not checked.'))}</p>",
        *([_picture(overview, f"Overview of {network.name}")] if overview else []),
        table,
        f"<p>{network.share_outside:.1%} of the relevance lies outside the atlas.</p>",
    ]


def _picture(path: Path, alt: str) -> str:
    from wbtools.reading import inline

    small = inline.read(path, _WIDTH)
    return f'<img alt="{escape(alt)}" width="{small.width}" src="{inline.webp(small)}">'


def _words(text: object) -> str:
    return escape(line(text))
