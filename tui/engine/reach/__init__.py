"""The way to a server: names, TLS, tunnels, Sentinel, and finding out what answers at an address."""
