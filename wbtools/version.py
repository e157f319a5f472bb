"""The version of wbtools, which every record carries."""

__version__ = "0.1.0"
