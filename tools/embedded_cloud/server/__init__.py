"""The server's side: MiniStack's services, and functions in environments like Lambda's."""

STATE_PATH = "/_embedded_cloud/state"
ISSUERS = "issuers.json"  # in the work directory: the keys of OIDC issuers, see oidc.py
DECISIONS = "decisions.jsonl"  # beside the logs: what role sessions were allowed and refused
