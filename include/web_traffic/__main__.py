"""`python -m web_traffic` is the command `web-traffic`."""

import sys

from web_traffic.commands import main

if __name__ == "__main__":
    sys.exit(main())
