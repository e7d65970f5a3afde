"""A process that has imported torch and seen nothing else, and that forks one process for every job.

``python -m rawbench.testing.zygote`` reads the paths of job files, one a line, and answers with two lines each: the
process id of the job's process and, when it ended, its exit status. A job's process is as fresh as one that was
started by itself (this one never holds an image), and two to four seconds of importing torch sooner there.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def serve() -> None:
    """Answer until the input ends."""
    import torch  # noqa: F401

    import rawbench.run.cell  # noqa: F401
    from rawbench.testing import witness  # noqa: F401

    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become_witness(Path(line.strip()))
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become_witness(path: Path) -> None:
    """Run one job and exit; the output of the method goes to a file beside the job."""
    code = 70
    try:
        os.setsid()
        output = os.open(path.with_name("output.txt"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        job = json.loads(path.read_text())
        os.chdir(job["folder"])
        os.environ.update(job["environment"])
        sys.path.extend(entry for entry in job["sys_path"] if entry not in sys.path)

        from rawbench.testing.witness import testify

        testify(job)
        code = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
