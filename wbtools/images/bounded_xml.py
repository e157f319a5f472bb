"""Parsing of untrusted XML: no entities, no external resources, bounded depth, number and size of elements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn
from xml.parsers.expat import ExpatError, ParserCreate

from wbtools.images import limits

Attributes = dict[str, str]


class XmlFault(ValueError):
    """XML that cannot be read; the message completes a sentence about the file."""


def parse(
    chunks: Iterable[bytes],
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> None:
    """Parse XML that arrives in chunks of bytes.

    Parameters
    ----------
    chunks : iterable of bytes
    start : callable
        Called with the name and the attributes of each element at its start tag.
    end : callable
        Called with the name of each element at its end tag.
    text : callable
        Called with the text between tags, in parts.

    Raises
    ------
    XmlFault
        If the XML is damaged, declares entities, or exceeds `limits`.

    Examples
    --------
    >>> names = []
    >>> parse([b"<a><b x='1'/>", b"text</a>"], lambda name, _: names.append(name), names.append, names.append)
    >>> names
    ['a', 'b', 'b', 'text', 'a']
    >>> bomb = b'<!DOCTYPE a [<!ENTITY x "xxxx"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>'
    >>> parse([bomb], lambda name, _: None, names.append, names.append)
    Traceback (most recent call last):
    wbtools.images.bounded_xml.XmlFault: its XML declares entities, which no image needs
    """
    reader = _Reader(start, end)
    parser = ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = _no_entities
    fed = 0
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - parser.CurrentByteIndex > limits.XML_TAG:
                raise XmlFault(f"its XML has a tag or comment of more than {limits.XML_TAG:,} bytes")
        parser.Parse(b"", True)
    except (ExpatError, LookupError) as error:
        raise XmlFault(f"its XML is damaged ({error})") from None
    except XmlFault:
        raise
    except ValueError as error:  # an encoding that expat does not have
        raise XmlFault(f"its XML cannot be decoded ({error})") from None


class _Reader:
    """Counts elements and their depth before it calls the caller's functions."""

    def __init__(self, start: Callable[[str, Attributes], None], end: Callable[[str], None]) -> None:
        self._start, self._end = start, end
        self._depth = self._count = 0

    def start(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > limits.XML_DEPTH:
            raise XmlFault(f"its XML elements lie more than {limits.XML_DEPTH} deep in each other")
        if self._count > limits.XML_ELEMENTS:
            raise XmlFault(f"its XML has more than {limits.XML_ELEMENTS:,} elements")
        self._start(name, attributes)

    def end(self, name: str) -> None:
        self._depth -= 1
        self._end(name)


def _no_entities(*declaration: Any) -> NoReturn:
    raise XmlFault("its XML declares entities, which no image needs")
