"""Parts of console_node: what is shown, who commands, what the page may ask for, and the server."""
