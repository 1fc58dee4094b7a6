"""Formulas in LaTeX, found in a text and made readable in plain Unicode. Pure."""
