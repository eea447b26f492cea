"""Was I in a leak? Identifiers of published leaks, in a form that can be asked without being shown (ADR 0045)."""
