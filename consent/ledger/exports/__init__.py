"""Exports: the logs as files for mirrors, escrow and time stamps."""
