"""The operator's command line: ``ond``."""
