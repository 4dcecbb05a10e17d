"""A sample for the tutorial: sixty days of an online academy, five schools with thirty learners, one event a line.

    python docs/examples/academy.py > academy.jsonl

Generated, the same each time; nobody in it is real. Its event names are its own, and none of them is in saas.yaml.
"""

import json
from random import Random

START = 1_717_372_800  # Monday, 3 June 2024, in seconds
DAY = 86_400


def events():
    luck = Random(7)
    for n in range(30):
        learner, school = f"learner-{n:02}", f"school-{n % 5}"
        joined = luck.randrange(20)
        stays = luck.choice([2, 12, 40, 60])  # days until they stop
        yield event(joined, 9, "learner_joined", learner, school)
        lessons = 0
        for day in range(joined, min(joined + stays, 60)):
            if luck.random() < 0.45:
                lessons += 1
                yield event(day, luck.randrange(10, 20), "lesson_finished", learner, school, lesson=lessons)
                if lessons == 12:
                    yield event(day, 21, "exam_passed", learner, school, score=luck.randrange(60, 100))


def event(day, hour, name, learner, school, **properties):
    at = START + day * DAY + hour * 3600
    return {"event": name, "at": at, "user": learner, "account": school, "properties": properties}


if __name__ == "__main__":
    for found in sorted(events(), key=lambda found: (found["at"], found["user"])):
        print(json.dumps(found))
