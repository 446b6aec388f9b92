"""How well predictors do on layers and networks they were not taught."""
