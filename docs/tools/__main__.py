"""`python -m docs.tools` writes docs/reference anew and builds the site."""

from docs.tools import site
from docs.tools.reference import write

if __name__ == "__main__":
    write()
    site.build()
