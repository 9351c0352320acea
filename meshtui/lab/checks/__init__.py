"""Does a step's effect show in the clusters? Checks read the clusters alone, whoever made the change."""
