"""The stand-alone witness: it cosigns other people's logs, with a folder, a key and a data base of its own."""
