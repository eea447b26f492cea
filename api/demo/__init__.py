"""The demonstration: a simulated city, its apps, one leak, and the whole story told by real programs over real HTTP."""
