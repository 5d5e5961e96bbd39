"""Run Python with a load on every core beside it: a verdict must not hang on time.

python beside_load.py ARGUMENTS...   as python ARGUMENTS...; the same exit status
"""

import os
import subprocess
import sys

if __name__ == "__main__":
    # Each ends by itself when this process does: its standard input closes.
    spin = "import sys, threading; t = threading.Thread(target=sys.stdin.read); t.start()\n"
    spin += "while t.is_alive(): sum(range(10000))"
    load = [
        subprocess.Popen([sys.executable, "-c", spin], stdin=subprocess.PIPE)
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        status = subprocess.run([sys.executable, *sys.argv[1:]], check=False).returncode
    finally:
        for process in load:
            process.communicate()
    sys.exit(status)
