"""The hot loop, measured: K steps of forward, backward and update, every series beside the others."""
