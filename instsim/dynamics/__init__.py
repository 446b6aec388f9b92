"""What only the running machine knows: small state machines that the emulator steps and the cost models price."""
