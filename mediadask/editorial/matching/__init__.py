"""The clips that events are of: by reel, file or name, and by what they hold."""
