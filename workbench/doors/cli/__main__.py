"""``python -m workbench.doors.cli`` is ``mlops``, where scripts are not on the path."""

import sys

from workbench.doors.cli import main

sys.exit(main())
