"""Takes in what was uploaded: a manifest, shards of one, or plain images."""
