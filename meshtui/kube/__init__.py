"""One cluster's API server: kubeconfig and credentials, list and watch, patch, apply, exec, port-forward."""
