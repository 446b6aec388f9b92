"""Many models on one board: by swap or by predictor, in parallel, resumable."""
