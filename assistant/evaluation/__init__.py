"""Data sets that Mull is measured on, and what is fitted to them."""
