"""The published standards on the wire: PAR, RAR, PKCE, DPoP, private_key_jwt, metadata."""
