"""Routes for anybody: the transparency log, health, horizons, and what is published about recipients and marks."""
