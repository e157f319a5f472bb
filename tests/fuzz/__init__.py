"""Damaged files for every public reader: each is read, or refused with a WbtoolsError; nothing else may happen.

`scripts/fuzz --count 10000` runs on demand, `test_fuzz.py` a small part in every run. Readers are registered by the
modules that `targets.MODULES` names. Seeds are made in code; mutations follow from a seed number, so that a case can
be made again: `scripts/fuzz --case TARGET/INDEX`.
"""
