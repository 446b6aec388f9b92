"""instsim: latency and energy of microcontroller firmware, predicted offline from the compiled image."""

__version__ = "0.1.0"
