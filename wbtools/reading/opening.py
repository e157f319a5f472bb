"""`wbtools.open`, under the name that users call; elsewhere it is `open_export`, beside Python's own `open`."""

from wbtools.reading.finished import open_export as open

__all__ = ["open"]
