"""From a request to an estimate: settings, target, region, run, price."""
