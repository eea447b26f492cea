"""Recipients: who may ask at all, with which keys and programs, with which record, and how they are stopped."""
