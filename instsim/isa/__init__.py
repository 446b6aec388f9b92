"""Instruction sets: decoding to plain values, the closed lists of instruction classes."""
