"""`python -m api` is the command `perusal`."""

from api.cli import main

if __name__ == "__main__":
    main()
