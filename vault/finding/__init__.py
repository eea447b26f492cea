"""Finding people: by whole, partial, masked or hashed values, and by the values that only one may hold."""
