import { zipSync } from 'fflate';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { mapOnCores } from '../lib/data';
import { promote } from '../lib/models';
import { Random } from '../lib/random';
import type { RunningServer } from '../lib/server';
import { blobs, temporaryWorkspace } from './data.fixtures';
import { foodModel, saveRun } from './served.fixture';
import { multipart, startServer } from './server.fixture';

/** Mutations of each kind. */
const rounds = 80;

/** Requests at once: fewer than are turned away. */
const atOnce = 20;

let server: RunningServer;
let originals: Buffer[];

beforeAll(async () => {
  const workspace = temporaryWorkspace();
  await saveRun(workspace, 'food', 'one', await foodModel(1));
  await promote(workspace, 'food', 'one', 'test');
  server = await startServer({ workspace });
  const picture = sharp(await blobs('fuzz', 160, 120));
  const [first, second] = await Promise.all([blobs('frame 1', 80, 60), blobs('frame 2', 80, 60)]);
  originals = await Promise.all([
    picture.clone().jpeg().toBuffer(),
    picture.clone().jpeg({ progressive: true }).withMetadata({ orientation: 6 }).toBuffer(),
    picture.clone().toColourspace('cmyk').jpeg().toBuffer(),
    picture.clone().png().toBuffer(),
    picture.clone().toColourspace('rgb16').png({ progressive: true }).toBuffer(),
    picture.clone().png({ palette: true }).toBuffer(),
    picture.clone().webp().toBuffer(),
    picture.clone().ensureAlpha(0.4).webp({ lossless: true }).toBuffer(),
    sharp([first, second], { join: { animated: true } })
      .webp({ delay: [50, 50] })
      .toBuffer(),
  ]);
});
afterAll(() => server?.close());

type Mutation = (original: Buffer, random: Random, other: Buffer) => Buffer;

const mutations: Readonly<Record<string, Mutation>> = {
  'flipped bits': (original, random) => {
    const changed = Buffer.from(original);
    for (let flips = 1 + random.integer(20); flips > 0; flips--) changed[random.integer(changed.length)]! ^= 1 << random.integer(8);
    return changed;
  },
  'a changed header': (original, random) => {
    const changed = Buffer.from(original);
    for (let bytes = 1 + random.integer(8); bytes > 0; bytes--) changed[random.integer(Math.min(64, changed.length))] = random.integer(256);
    return changed;
  },
  'a wrong size': (original, random) =>
    withSize(original, random.pick([0, 1, 5000, 6000, 30_000, 65_500]), random.pick([0, 1, 6000, 65_500])),
  'a missing end': (original, random) => original.subarray(0, random.integer(original.length)),
  'shuffled pieces': (original, random) => {
    const size = 1 + Math.floor(original.length / (2 + random.integer(12)));
    const pieces = Array.from({ length: Math.ceil(original.length / size) }, (_, index) =>
      original.subarray(index * size, (index + 1) * size),
    );
    const [head, ...rest] = random.chance(0.7) ? pieces : [Buffer.alloc(0), ...pieces];
    return Buffer.concat([head!, ...random.shuffle(rest)]);
  },
  'a hole of zeros': (original, random) => {
    const start = random.integer(original.length);
    return Buffer.from(original).fill(0, start, start + random.integer(original.length - start));
  },
  'another picture behind or inside it': (original, random, other) => {
    const place = random.chance(0.5) ? original.length : random.integer(original.length);
    return Buffer.concat([original.subarray(0, place), other, original.subarray(place)]);
  },
  'something else behind its signature': (original, random) => {
    const length = random.integer(400);
    const noise = Buffer.from(Array.from({ length }, () => random.integer(256)));
    const others = [noise, Buffer.alloc(length), Buffer.from(svg), Buffer.from(html), zipSync({ 'a.jpg': original.subarray(0, 100) })];
    return Buffer.concat([original.subarray(0, random.pick([0, 2, 3, 8, 12, 20])), random.pick(others)]);
  },
};

const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="99999" height="99999"><image href="file:///etc/passwd"/></svg>';
const html = '<!doctype html><script>alert(1)</script>';

/** Writes another width and height where each format keeps them; the sums of PNG chunks are then wrong, as in a file that is made by hand. */
function withSize(original: Buffer, width: number, height: number): Buffer {
  const changed = Buffer.from(original);
  if (changed[0] === 0x89) {
    changed.writeUInt32BE(width, 16);
    changed.writeUInt32BE(height, 20);
  } else if (changed[0] === 0xff) {
    const frame = changed.findIndex((byte, index) => byte === 0xff && (changed[index + 1] === 0xc0 || changed[index + 1] === 0xc2));
    changed.writeUInt16BE(height, frame + 5);
    changed.writeUInt16BE(width, frame + 7);
  } else {
    changed.writeUInt16LE(width & 0x3fff, 26);
    changed.writeUInt16LE(height & 0x3fff, 28);
  }
  return changed;
}

type Form = ReturnType<typeof multipart>;

/** Sends a form to the endpoint; true when it was predicted, or refused with a reason. */
async function isSound(form: Form): Promise<true | string> {
  const { statusCode, body, json } = await server.app.inject({ method: 'POST', url: '/food/predict', ...form });
  const answer = json();
  if (statusCode === 200) {
    const shares = answer.predictions.flatMap(({ probabilities }: { probabilities: Record<string, number> }) =>
      Object.values(probabilities),
    );
    return shares.every((share: number) => share >= 0 && share <= 1) || body;
  }
  return (statusCode >= 400 && statusCode < 500 && answer.code !== '' && answer.message !== '') || `${statusCode}: ${body}`;
}

async function unsound(forms: readonly Form[]): Promise<unknown[]> {
  const outcomes = await mapOnCores(forms, isSound, atOnce);
  return outcomes.filter((outcome) => outcome !== true);
}

it.each(Object.keys(mutations))('pictures with %s are predicted or refused, and nothing else happens', async (name) => {
  const random = new Random(`fuzz ${name}`);
  const mutants = Array.from({ length: rounds }, (_, index) =>
    mutations[name]!(originals[index % originals.length]!, random.fork(index), random.pick(originals)),
  );
  expect(await unsound(mutants.map((content) => multipart({ content })))).toEqual([]);
});

it.each(['flipped bits', 'a missing end', 'shuffled pieces', 'a hole of zeros'])('forms with %s are read or refused', async (name) => {
  const random = new Random(`form ${name}`);
  const forms = Array.from({ length: rounds }, (_, index): Form => {
    const { payload, headers } = multipart({ content: originals[index % originals.length]! });
    return { payload: mutations[name]!(payload as Buffer, random.fork(index), originals[0]!), headers: headers! };
  });
  expect(await unsound(forms)).toEqual([]);
});

it('after all of them every original is predicted as ever', async () => {
  for (const content of originals) {
    const { statusCode } = await server.app.inject({ method: 'POST', url: '/food/predict', ...multipart({ content }) });
    expect(statusCode).toBe(200);
  }
});
