"""One full page each: arranges panes and routes what they ask for. No Redis, no drawing."""
