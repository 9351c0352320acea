"""All clusters' flows of a session: sources, their assignments, recordings, replays."""
