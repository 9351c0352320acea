"""The embedded API server: Kubernetes' HTTP interface over one cluster's store."""
