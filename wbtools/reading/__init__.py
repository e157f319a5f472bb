"""Finished exports, read again: nothing of it needs torch, a network's file or the subject's folder."""

from wbtools.reading.batch import Batch, open_batch
from wbtools.reading.finished import Export, open_export
from wbtools.reading.results import NetworkResults

__all__ = ["Batch", "Export", "NetworkResults", "open_batch", "open_export"]
