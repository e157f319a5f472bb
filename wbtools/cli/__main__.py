"""`python -m wbtools.cli`: the command line without a script on PATH, as workers on other machines are started."""

from wbtools.cli import main

main(prog_name="wbtools")
