"""Schema: the tables of the consent floor, and what the data base itself refuses, on both dialects."""
