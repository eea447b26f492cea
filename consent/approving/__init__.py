"""Approving: a person's yes or no, the acts and proofs of presence it takes, and what exactly it promises."""
