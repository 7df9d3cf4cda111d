"""SmolLM2-135M-Instruct writes short stories in simple English, for `storyteller.py` to learn from.

    python recipes/stories.py [--count 12000]

Each story is asked for with a name, a thing, a place and a feeling drawn by seed, after two example stories of the same
kind (written for this recipe, below). What comes out is kept when it ends by itself, uses plain words and does not turn
in circles. Resumable: rounds of 192 stories are appended to `recipes/work/stories.jsonl`, and a round that is there is
not written again.
"""

import argparse
import json
import random
import re
import zlib
from pathlib import Path

import smollm2
from bearhug._lib.progress import progress
from packages import WORK

PATH = WORK / "stories.jsonl"
ROUND = 192
GIRLS = "Mia Lily Anna Emma Ruby Zoe Nora Ella Lucy Rosie Molly Grace Ivy Clara Hanna Sara Amy Kate Daisy Jane".split()
BOYS = "Ben Tom Max Leo Sam Jack Tim Finn Noah Adam Oscar Henry Paul Luke Billy Peter Will Joe Eli Theo".split()
ANIMALS = (
    "dog cat fox bear rabbit mouse duck frog bird pig horse cow hen goat lion owl turtle fish bee squirrel".split()
)
THINGS = (
    "red ball,big box,blue hat,small boat,old book,yellow kite,warm coat,wooden spoon,shiny stone,toy car,paper star,"
    "green apple,birthday cake,little drum,soft blanket,silver bell,broken cup,garden gate,apple tree,old key,lost "
    "shoe,"
    "snowman,sand castle,new bike,pot of soup,letter,lamp,puddle,ladder,basket of eggs,pink flower,teddy bear,red leaf,"
    "loaf of bread,jar of honey,swing,long rope,wool sock,mirror,tent,map,bucket,carrot,whistle,umbrella,pair of boots"
).split(",")
PLACES = (
    "in the park,at the beach,in the garden,in the forest,at school,in the kitchen,on a farm,by the river,on a hill,"
    "in the snow,at the market,in a small town,near a pond,at grandma's house,in the rain,under a big tree"
).split(",")
TURNS = (
    "is sad first and happy at the end,learns to share,makes a new friend,is afraid and then brave,gets lost and "
    "finds the way home,"
    "helps somebody,loses something and finds it,learns to say sorry,has to wait,makes something new,gets a surprise,"
    "tries again and again,is kind to somebody who is sad,breaks something and mends it,learns to listen,cannot sleep"
).split(",")
STARTS = (
    "Once upon a time, there was a {kind} named {name}.|One day, {name} the {kind} was {place}.|{name} was a {kind} "
    "who had a {thing}.|"
    "There was a {kind} named {name}. {name} loved to play {place}.|{name} was a happy {kind}.|One morning, {name} "
    "found a {thing}.|"
    "It was a sunny day. {name} was {place}.|It was a cold day. {name} sat {place}.|{name} wanted a {thing} very much."
).split("|")
EXAMPLES = [  # (what was asked, the story), written for this recipe
    (
        "a girl named Pia who has a red balloon in the park and loses something and finds it",
        "Pia had a red balloon. She took it to the park and ran with it in the wind. Then she let go, and the balloon "
        'flew up into a tree. Pia began to cry. A tall man saw her. "Do not cry," he said. "I can help you." He took '
        'the string and pulled. The balloon came down. "Thank you!" said Pia. She tied the string to her hand and '
        "walked home with a big smile.",
    ),
    (
        "a dog named Rex who has a bone in the garden and learns to share",
        "Rex was a big brown dog. He had a bone, and he did not want to share it. Every day he hid it in the garden. "
        'One day a small dog came by. He was thin and hungry. "May I have a bit?" he asked. Rex looked at his bone. '
        "Then he looked at the small dog. He pushed the bone over to him. They ate it together, and after that they "
        "played in the grass until the sun went down. Now Rex had a friend, and that was better than a bone.",
    ),
    (
        "a boy named Otto who has a sled in the snow and is afraid and then brave",
        "It was a cold day, and Otto was on top of the hill with his sled. The hill was very high. Otto was afraid. "
        '"I can not do it," he said. His sister sat down behind him. "We will go together," she said. They held on '
        "tight, and the sled went down, faster and faster. The wind was in their hair. At the bottom Otto laughed. "
        '"Again!" he said. This time he went alone.',
    ),
    (
        "a mouse named Fip who has a piece of cheese in the kitchen and gets a surprise",
        "A little mouse named Fip lived under the floor. One night he smelled cheese. He went into the kitchen, and "
        'there it was, on a plate, yellow and big. But next to the plate sat the cat! Fip wanted to run. "Wait," said '
        'the cat. "The cheese is for you. It is your birthday." Fip was so surprised that he sat down. Then he '
        "laughed, and the cat laughed too. They ate the cheese, and Fip gave the cat the first bite.",
    ),
    (
        "a girl named Tess who has a blue cup at home and learns to say sorry",
        "Tess wanted to help her mom. She took the blue cup from the table, but it was wet, and it fell. The cup "
        "broke. "
        'Tess hid behind the door. "Who broke my cup?" asked Mom. Tess came out with tears in her eyes. "I did," she '
        'said. "I am sorry." Mom gave her a hug. "Thank you for telling me," she said. Then they took some glue and '
        "put the cup together again.",
    ),
    (
        "a duck named Dot who is near a pond and tries again and again",
        "Dot was a small duck. All the other ducks could swim, but Dot was too slow. She went into the pond and came "
        'out wet and tired. "I will never learn it," she said. Her father swam beside her. "Kick with your feet," he '
        "said. Dot kicked. She went around in a circle. She kicked again, and this time she went straight. On the next "
        'day she tried once more, and she swam to the other side. "Look at me!" she called. Everyone was proud of her.',
    ),
    (
        "a boy named Nils who has a tent in the forest and cannot sleep",
        "Nils and his dad slept in a tent in the forest. It was dark, and Nils heard a noise. Hoo, hoo. He pulled the "
        'blanket over his head. "Dad, what is that?" he asked. Dad listened. "That is an owl," he said. "She is saying '
        'good night to her babies." Nils thought about the baby owls in their nest. He was not afraid any more. "Good '
        'night, owl," he said, and soon he was asleep.',
    ),
    (
        "a hen named Pearl who has a basket on a farm and helps somebody",
        'On a farm there lived a hen named Pearl. One day she saw a horse who looked sad. "What is wrong?" asked '
        "Pearl. "
        '"I have a stone in my shoe," said the horse. "It hurts, and I can not get it out." Pearl looked at his foot. '
        "She put in her beak and pulled. Out came the stone! The horse was so happy that he let her ride on his back. "
        "They went all around the farm, and all the other hens looked up.",
    ),
]
PLAIN = re.compile(r"[A-Za-z0-9 ,.!?'\"\n;:-]+")


def examples(rng: random.Random) -> list[dict]:
    """Two turns of a chat in which a story is asked for and told."""
    chat = []
    for what, story in rng.sample(EXAMPLES, 2):
        chat += [
            {"role": "user", "content": f"Write a short story about {what}."},
            {"role": "assistant", "content": story},
        ]
    return chat


def ask(rng: random.Random) -> tuple[dict, str]:
    """The turn that asks for a story, and the story's first words."""
    kind, names = rng.choice([("girl", GIRLS), ("boy", BOYS), (rng.choice(ANIMALS), GIRLS + BOYS)])
    facts = {"kind": rng.choice(["", "", "little "]) + kind, "name": rng.choice(names)}
    facts |= {"thing": rng.choice(THINGS), "place": rng.choice(PLACES)}
    about = "a {kind} named {name} who has a {thing} {place} and {turn}".format(**facts, turn=rng.choice(TURNS))
    return {"role": "user", "content": f"Write a short story about {about}."}, rng.choice(STARTS).format(**facts)


def good(story: str) -> bool:
    """Plain words, whole sentences, no circles."""
    words = story.lower().split()
    return (
        40 <= len(words) <= 220
        and PLAIN.fullmatch(story) is not None
        and story.endswith((".", "!", "?", '"'))
        and story.count('"') % 2 == 0
        and sum(map(len, words)) / len(words) < 4.8
        and len(zlib.compress(story.encode())) / len(story) > 0.45
        and len({tuple(words[i : i + 4]) for i in range(len(words) - 3)}) / (len(words) - 3) > 0.9
    )


def tidy(story: str) -> str:
    """One paragraph, straight quotes, single spaces."""
    for curly, straight in {"“": '"', "”": '"', "’": "'", "—": "-"}.items():
        story = story.replace(curly, straight)
    return " ".join(story.split())


def main(count: int) -> None:
    """Write rounds until `count` stories have been asked for."""
    tokenizer, writer = smollm2.tokenizer(), smollm2.Writer.load()
    encode = lambda text: tokenizer(text, add_special_tokens=False).input_ids  # noqa: E731
    there = {json.loads(line)["round"] for line in PATH.open()} if PATH.exists() else set()
    bar = progress(total=count // ROUND, desc="stories, rounds", unit="round")
    for number in range(count // ROUND):
        if number not in there:
            rng = random.Random(number)
            before, asked = examples(rng), [ask(rng) for _ in range(ROUND)]
            prefix = tokenizer.apply_chat_template(before, tokenize=False)
            whole = [
                tokenizer.apply_chat_template([*before, turn], add_generation_prompt=True, tokenize=False)
                for turn, _ in asked
            ]
            prompts = [encode(text.removeprefix(prefix) + start) for text, (_, start) in zip(whole, asked, strict=True)]
            ended = smollm2.write(writer, encode(prefix), prompts, end=tokenizer.eos_token_id, most=190, seed=number)
            stories = sorted((row, tidy(asked[row][1] + tokenizer.decode(ids))) for row, ids in ended)
            with PATH.open("a") as file:
                file.write(json.dumps({"round": number, "stories": [text for _, text in stories]}) + "\n")
        bar.update()


def read(path: Path = PATH) -> list[str]:
    """The stories worth learning from, in the order of writing."""
    rounds = sorted((json.loads(line) for line in path.open()), key=lambda line: line["round"])
    return list(dict.fromkeys(story for line in rounds for story in line["stories"] if good(story)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=12_000)
    main(parser.parse_args().count)
