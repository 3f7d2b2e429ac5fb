"""The server's side: MiniStack's services, and functions in environments like Lambda's.

It runs with the packages of requirements-cloud.txt under a name of its own, see `cloud`.
"""

STATE_PATH = "/_embedded_cloud/state"
RESTORE_PATH = "/_embedded_cloud/restore"
ISSUERS = "issuers.json"  # in the work directory: the keys of OIDC issuers, see oidc.py
DECISIONS = "decisions.jsonl"  # beside the logs: what role sessions were allowed and refused
ARTEFACTS = "embedded-cloud-artefacts"  # the bucket that code is deployed from
