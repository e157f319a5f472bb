"""Networks whose answer has a known source: tasks, people, networks, methods and figures of `known_source.py`."""
