"""What shows models and their fetching."""
