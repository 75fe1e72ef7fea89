"""Profiel Service (adresboek): how people want to be reached, looked up for a registered purpose only."""
