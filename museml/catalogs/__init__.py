"""Lists of things: detections merged into sources, sources summed up in a catalogue."""
