"""Accepts an upload: a manifest, shards, or plain images."""
