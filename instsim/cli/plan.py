"""``instsim plan``."""
