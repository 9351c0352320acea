"""The session: watchers and Relays of N clusters feed core's state, and commands go back out."""
