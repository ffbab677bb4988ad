"""Fails unless the reports of Autobahn hold every case they should and every case passed.

Usage: check.py INDEX.json GROUP=CASES.. ; a case passes when `behavior` and `behaviorClose` are both one of
OK, NON-STRICT and INFORMATIONAL. Prints the counts by group and agent, and every case that did not pass.
"""

import collections
import json
import sys

PASSED = {"OK", "NON-STRICT", "INFORMATIONAL"}


def main():
    wanted = {group: int(cases) for group, cases in (word.split("=") for word in sys.argv[2:])}
    with open(sys.argv[1]) as file:
        agents = json.load(file)
    wrong = [] if agents else ["no agent in the report"]
    for agent, cases in sorted(agents.items()):
        table = collections.defaultdict(collections.Counter)
        for name, case in sorted(cases.items()):
            group = name.split(".")[0]
            both = (case["behavior"], case["behaviorClose"])
            # The worse of the two counts.
            worse = next((b for b in both if b not in PASSED), next((b for b in both if b != "OK"), "OK"))
            table[group][worse] += 1
            if not PASSED.issuperset(both):
                wrong.append("%s: case %s: behavior %s, behaviorClose %s" % (agent, name, *both))
        print(agent)
        for group in sorted(set(table) | set(wanted), key=int):
            run, should = sum(table[group].values()), wanted.get(group, 0)
            counts = ", ".join("%d %s" % (n, b) for b, n in sorted(table[group].items()))
            print("  group %2s: %3d of %3d cases: %s" % (group, run, should, counts))
            if run != should:
                wrong.append("%s: group %s: %d cases, and there should be %d" % (agent, group, run, should))
    print("\n".join(wrong) if wrong else "every case passed")
    return 1 if wrong else 0


sys.exit(main())
