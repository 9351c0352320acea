"""One Hubble Relay: dial, follow, filter, reconnect."""
