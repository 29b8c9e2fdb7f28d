"""Pages for people: one self-contained HTML file each, made of a run's JSON result. Needs the extra `html`."""
