"""Commands that hand a finished export on."""
