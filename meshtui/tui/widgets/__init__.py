"""What panes and dialogs are made of: line views, lists, dialogs, painted lines, status glyphs."""
