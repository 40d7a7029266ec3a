"""Components that say they are remote, and really send all they get to a server on loopback."""
