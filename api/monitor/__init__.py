"""The monitor as a program of its own: it reads logs and witnesses over HTTP and has no way into the data base."""
