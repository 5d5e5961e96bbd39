"""Known vulnerabilities of what is installed, and of how much of it anything is known.

    python .ci/audit.py

Asks the registry, by pip-audit, about all distributions but ours. One that the registry does not
know (a mirror answers so for every one) was not audited: that is counted, not passed over. Exit
status 1 where something is vulnerable, or nothing could be audited.
"""

import json
import subprocess
import sys


def main() -> int:
    """Ask, and say what came."""
    command = [sys.executable, "-m", "pip_audit", "--skip-editable", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        print(done.stderr, file=sys.stderr)
        return 1
    found = json.loads(done.stdout)["dependencies"]
    known = [one for one in found if "vulns" in one]
    vulnerable = [one for one in known if one["vulns"]]
    for one in vulnerable:
        for what in one["vulns"]:
            fixed = ", ".join(what["fix_versions"]) or "nothing yet"
            print(f"{one['name']} {one['version']}: {what['id']}, fixed in {fixed}")
    print(f"{len(known)} of {len(found)} distributions audited, {len(vulnerable)} vulnerable")
    return int(bool(vulnerable) or not known)


if __name__ == "__main__":
    sys.exit(main())
