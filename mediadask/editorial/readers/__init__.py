"""Edits as other programs write them: EDL, ALE, Final Cut, AAF, OTIO and shot lists, read into events."""
