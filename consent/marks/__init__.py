"""Marks: harmless variations of served values, another combination for every recipient, which a leaked copy still shows."""
