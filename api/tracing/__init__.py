"""A trace report for people: one page of words, charts and tables, drawn from the JSON document and nothing else."""
