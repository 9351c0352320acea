"""What Cilium's operator does for a mesh beyond identities: EndpointSlices of other clusters, and the MCS-API."""
