"""Protected mode: somebody trusted looks twice at what is hard to take back."""
