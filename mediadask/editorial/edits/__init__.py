"""From one edit to the next: what changed, what was delivered, and which version a plate has."""
