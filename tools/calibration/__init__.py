"""What the published runs say of calibrations: spreads, errors, coverage, linearity, and the calibrations that ship."""
