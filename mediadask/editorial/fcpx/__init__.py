"""Final Cut Pro X XML (FCPXML) as an OpenTimelineIO adapter, which OpenTimelineIO finds by its manifest here.

OpenTimelineIO imports this package whenever it looks for adapters, in any program: it has to stay cheap.
"""
