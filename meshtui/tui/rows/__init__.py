"""Pure renderers: the mesh's data in, lines of spans out; no Textual, no colour values, no clock."""
