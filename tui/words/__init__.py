"""The words and rows of redtop: plain values of the engine in, lines and sentences for people out."""
