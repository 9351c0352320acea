"""The mesh as it is known: state and its transition function, objects, what Cilium says of itself, links, names."""
