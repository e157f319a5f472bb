"""The command line without a script on PATH: `python -P -m wbtools.cli`; before Python 3.11, this file by its path."""

import sys

if not __package__:  # by its path: Python put this folder first, whose modules are no modules of their own
    _here = __file__.rpartition("/")[0]
    sys.path[:] = [*(_entry for _entry in sys.path if _entry != _here), _here.removesuffix("/wbtools/cli")]

from wbtools.cli import main

main(prog_name="wbtools")
