"""Which clusters to look at, where the kubeconfig has too many to show unasked."""
