"""One Relay, or one agent's `hubble observe`: dial, follow, decode, reconnect."""

import os

# gRPC's core writes to stderr by itself, over the dashboard; it reads this when it is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
