"""An application that answers a client with its own messages: for certification."""
