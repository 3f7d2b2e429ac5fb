"""The server's side: MiniStack's services, and functions in environments like Lambda's."""

STATE_PATH = "/_embedded_cloud/state"
