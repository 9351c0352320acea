"""The Textual dashboard: it renders core's state and sends commands to the session."""
