"""Grants: consents as they stand, their states, what their recipient may do with them and how their person sees them."""
