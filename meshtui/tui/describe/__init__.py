"""Whatever is under the cursor in full: YAML, who wrote it, events; and the logs of Cilium's own parts."""
