"""`python -m backproof`: the command, where its script is not on the path."""

from backproof.cli import main

if __name__ == "__main__":
    main()
