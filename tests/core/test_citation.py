"""The citation and the package's metadata agree."""

import configparser
import re
from pathlib import Path

import pytest

import wbtools

ROOT = Path(__file__).resolve().parents[2]


def cited(field):
    (value,) = re.findall(rf'^{field}: "?([^"\n]*)"?$', (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    return value


def test_the_version_that_is_cited_is_this_one():
    assert cited("version") == wbtools.__version__


@pytest.mark.parametrize("field", ["url", "license"])
def test_the_citation_and_the_package_agree(field):
    package = configparser.ConfigParser()
    package.read(ROOT / "setup.cfg")
    assert cited(field) == package["metadata"][field]
