/**
 * Drawings of each food, by the folder of its class. Names are those of Unicode's emoji; a family may lack some. Left out is what a
 * person would not call that food at sight, such as a baby's bottle or a sheaf of rice.
 */
export const foodSubjects: Readonly<Record<string, readonly string[]>> = {
  'Dairy product': words('butter cheese-wedge custard glass-of-milk ice-cream soft-ice-cream'),
  Rice: words('bento-box cooked-rice curry-rice rice-ball rice-cracker shallow-pan-of-food sushi'),
  'Vegetable-Fruit': words(`
    avocado banana beans bell-pepper blueberries broccoli carrot cherries coconut cucumber ear-of-corn eggplant garlic ginger-root
    grapes green-apple green-salad hot-pepper kiwi-fruit leafy-green lemon lime mango melon olive onion pea-pod peach pear pineapple
    potato red-apple roasted-sweet-potato root-vegetable strawberry tangerine tomato watermelon`),
};

/** Whether a drawing may stand for "no food": a thing, an animal, a building or one of a few people, and nothing that could be eaten. */
export function isOtherThing(name: string, category: string): boolean {
  if (people.has(name)) return true;
  return categoriesOfThings.has(category) && !edible.has(name) && !signs.has(name) && !clockFace.test(name) && !moon.test(name);
}

const categoriesOfThings = new Set(['Activities', 'Animals & Nature', 'Objects', 'Travel & Places']);

const people = new Set(
  words(`
    alien astronaut baby boy brain clown-face construction-worker cowboy-hat-face deaf-person detective ear elf eyes firefighter
    flexed-biceps footprints genie ghost girl goblin grinning-face guard judge man mechanic mermaid merman ninja nose ogre old-man
    old-woman person person-with-skullcap pilot police-officer prince princess robot santa-claus scientist skull smiling-face-with-sunglasses
    superhero teacher thumbs-up tooth vampire victory-hand waving-hand woman zombie`),
);

/** Food, or so like one of our foods that even a person would hesitate. */
const edible = new Set(
  words(`
    crab empty-nest fire herb jack-o-lantern lobster microbe moon-viewing-ceremony mushroom nest-with-eggs oyster petri-dish
    sheaf-of-rice shrimp soap sponge squid`),
);

/** Signs and symbols rather than things. */
const signs = new Set(
  words(`
    bell-with-slash broken-chain bullseye club-suit cyclone diamond-suit fog heart-suit hot-springs level-slider link
    locked locked-with-key locked-with-pen mobile-phone-with-arrow musical-note musical-notes muted-speaker red-envelope sparkles spade-suit
    speaker-high-volume speaker-low-volume speaker-medium-volume stop-sign unlocked wind-face`),
);
const clockFace = /-(oclock|thirty)$/;
const moon = /moon|^milky-way$|^ringed-planet$/;

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
