"""The edge: what every request passes before a handler sees it, and what every answer passes after."""
