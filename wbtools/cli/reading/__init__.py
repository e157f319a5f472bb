"""Commands that read finished exports: reports and groups."""
