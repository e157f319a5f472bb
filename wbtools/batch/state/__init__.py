"""The files in which a batch keeps what was planned, tried and published."""
