"""Whether files are complete and intact: hashes, ASC MHL manifests, rolls, and copies that are verified."""
