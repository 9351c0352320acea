"""Is it broken? One judgement of clusters, nodes, links, components and services, for all who show or say it."""
