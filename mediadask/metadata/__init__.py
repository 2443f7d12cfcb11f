"""One normalized camera-metadata schema, and where each value came from."""
