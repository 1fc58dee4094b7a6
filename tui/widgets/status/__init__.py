"""The line that says what the model does."""
