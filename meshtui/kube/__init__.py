"""One cluster's API server: kubeconfig and credentials, list and watch, patch, apply, exec, port-forward."""

import sys

# httpx loads a command line of its own when it can: rich, click and pygments, more than half of its time. It goes
# without where that module cannot be imported.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None is how Python marks what is not there
