"""Reports: pure functions of an estimate and of the tables, to text for people and to files for programs."""
