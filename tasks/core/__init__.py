"""What decides and describes: no host, no process, no fabric."""
