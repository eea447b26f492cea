"""People and their values over time: taken in, changed, looked at by themselves."""
