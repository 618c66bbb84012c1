"""Everything that can go wrong between redtop and a server, as one table: how to cause it, what must be said, how to
heal it.

A row is an async generator: what stands before its `yield` causes the failure, what follows heals it. The test
(tests/test_failures.py) runs every row under the running application, and where it can be met at the start also there.
"""

from tests.failures import of_networks as of_networks
from tests.failures import of_servers as of_servers
from tests.failures.rows import TABLE, Row, When
from tests.failures.scene import Way

__all__ = ["TABLE", "Row", "Way", "When"]
