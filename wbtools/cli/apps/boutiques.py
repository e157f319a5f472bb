"""The Boutiques descriptor of the BIDS App, made from the declarations of its options.

`python -m wbtools.cli.apps.boutiques` prints what `wbtools/data/boutiques.json` has to hold.
"""

from __future__ import annotations

import json
from typing import Any

import click

from wbtools.cli.apps.bids_app import main
from wbtools.cli.apps.bids_names import NAME, SECTIONS
from wbtools.cli.apps.bids_options import ARGUMENTS, parameters, sections
from wbtools.version import __version__

_CODES = {
    1: "Some participants failed; the others are done.",
    2: "The command line is wrong.",
    3: "An option or an input file cannot be used.",
    4: "Another program failed, or is missing.",
    5: "A result failed its own check.",
    75: "Not finished: run the same line again.",
}
_ABOUT = {
    "BIDS_DIR": "The BIDS dataset: raw, with derivatives in it or elsewhere, or a derivative itself. It is only read.",
    "OUTPUT_DIR": "Receives a BIDS derivative; inside BIDS_DIR only as BIDS_DIR/derivatives/NAME.",
    "LEVEL": "participant exports each participant; group puts together what that wrote.",
}


def descriptor() -> dict[str, Any]:
    """What Boutiques (schema 0.5) has to know of the app, and the tables of its help.

    Returns
    -------
    dict
        JSON values.

    Examples
    --------
    >>> descriptor()["inputs"][0]["value-key"]
    '[BIDS_DIR]'
    """
    context = click.Context(main, info_name=NAME, help_option_names=main.context_settings["help_option_names"])
    inputs = [_input(param) for param in parameters() if param.expose_value and not getattr(param, "hidden", False)]
    tables = {"Arguments": [list(row) for row in _ABOUT.items()]} | {
        title: [list(row) for param in params if (row := param.get_help_record(context))]
        for title, params in sections().items()
    }
    asked = main.get_help_option(context)
    tables["Other"] += [list(row)] if asked and (row := asked.get_help_record(context)) else []
    return {
        "name": NAME,
        "tool-version": __version__,
        "schema-version": "0.5",
        "author": "The wbtools developers",
        "url": "https://github.com/wbtools/wbtools",
        "description": "Relevance of networks in individual brains, as Connectome Workbench sessions in BIDS.",
        "command-line": " ".join([NAME, *(each["value-key"] for each in inputs)]),
        "inputs": inputs,
        "output-files": [
            {
                "id": "derivative",
                "name": "The BIDS derivative",
                "path-template": "[OUTPUT_DIR]",
            }
        ],
        "error-codes": [{"code": code, "description": text} for code, text in _CODES.items()],
        "suggested-resources": {"cpu-cores": 2, "ram": 4},
        "tags": {"domain": ["neuroinformatics", "mri"], "bids-app": True},
        "custom": {SECTIONS: tables},
    }


def _input(param: click.Parameter) -> dict[str, Any]:
    """An argument or an option as an input."""
    name = str(param.name)
    if param in ARGUMENTS:
        key = name.upper()
        about = {"name": key, "description": _ABOUT[key], "optional": False}
    else:
        flag = next(word for word in param.opts if word.startswith("--"))
        key = flag[2:].replace("-", "_").upper()
        about = {"name": flag[2:], "description": getattr(param, "help", "") or flag, "optional": True}
        about["command-line-flag"] = flag
    return {"id": key.lower(), "value-key": f"[{key}]", **about, **_values(param)}


def _values(param: click.Parameter) -> dict[str, Any]:
    """What an input may be."""
    kind = param.type
    if getattr(param, "is_flag", False) or getattr(param, "count", False):
        return {"type": "Flag"}
    several = {"list": True, "min-list-entries": 1} if getattr(param, "multiple", False) else {}
    if isinstance(kind, click.Choice):
        return {"type": "String", "value-choices": list(kind.choices), **several}
    if isinstance(kind, click.types.IntParamType):
        limits = {"minimum": getattr(kind, "min", None), "maximum": getattr(kind, "max", None)}
        return {
            "type": "Number",
            "integer": True,
            **{word: limit for word, limit in limits.items() if limit is not None},
            **several,
        }
    there = isinstance(kind, click.Path) and param.name != "output_dir"
    return {"type": "File" if there else "String", **several}


if __name__ == "__main__":
    click.echo(json.dumps(descriptor(), indent=1))
