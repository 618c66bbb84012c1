"""What is added to streams and said on channels, as it happens: in panes, and to a pipe."""
