"""The two-cluster lab: manifests, steps, and building it with kind and the cilium CLI."""
