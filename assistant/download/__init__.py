"""Fetching model files: the only part of Mull that uses the network, and only when the user asks for it."""
