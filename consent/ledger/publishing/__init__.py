"""Publishing: signing what has grown, by which key, and how one log carries on another."""
