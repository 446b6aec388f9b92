"""Did it change, and is it within its budget: two estimates compared, many held against limits and a baseline."""
