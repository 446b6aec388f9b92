"""Calibration of a board from a few runs: observations, fits, their diagnostics, and the file they are kept in.

statsmodels is imported only by `instsim.calibrate.fitting`, and only while a fit is made: an estimate with a calibration needs none of it.
"""
