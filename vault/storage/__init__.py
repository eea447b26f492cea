"""Storage: data bases, units of work, statements over many rows, and whose rows a connection may see."""
