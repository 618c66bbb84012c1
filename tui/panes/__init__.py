"""One region of a screen each: joins one engine feed to widgets. Panes never import each other."""
