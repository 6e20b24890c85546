import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Split } from '../../tasks';
import { MissingArtwork } from './errors';
import { foodSubjects, isOtherThing } from './subjects';

/**
 * Emoji families, split so that no artist is seen in two splits: both Noto are Google's, both Fluent Microsoft's, both EmojiOne the same
 * studio's. Training has the most, and OpenMoji's black outlines with it, which are unlike all others: a model that never saw
 * them takes them for no food. Validation and test are then about equally hard.
 */
export const familiesOfSplit: Readonly<Record<Split, readonly string[]>> = {
  train: ['noto', 'noto-v1', 'fluent-emoji', 'fluent-emoji-flat', 'openmoji'],
  validation: ['twemoji'],
  test: ['emojione', 'emojione-v1'],
};

/** One drawing: SVG elements on a canvas of `width` x `height` units. */
export interface Drawing {
  readonly family: string;
  readonly name: string;
  readonly body: string;
  readonly width: number;
  readonly height: number;
}

/** Who drew a family, and on what terms. */
export interface Credit {
  readonly package: string;
  readonly version: string;
  readonly author: string;
  readonly source: string;
  readonly licence: string;
  readonly licenceUrl: string;
}

/** All drawings that the sample can use. */
export interface Artwork {
  readonly credits: readonly Credit[];
  /** The drawings of one class in a split's families; `folder` is the class's, and none means things that are no food. */
  drawings(split: Split, folder?: string): readonly Drawing[];
}

const iconsFile = z.object({
  width: z.number(),
  height: z.number(),
  icons: z.record(z.string(), z.object({ body: z.string(), width: z.number().optional(), height: z.number().optional() })),
});
const infoFile = z.object({
  author: z.object({ name: z.string(), url: z.string() }),
  license: z.object({ title: z.string(), spdx: z.string(), url: z.string() }),
});
const manifestFile = z.object({ version: z.string() });
const metadataFile = z.object({ categories: z.record(z.string(), z.array(z.string())) });

/** The one family whose names' categories serve for all: not every package has them. */
const catalogueFamily = 'noto';

/**
 * Reads the artwork of every family.
 *
 * @param packages the `node_modules` folder
 * @throws MISSING_ARTWORK
 */
export async function readArtwork(packages: string): Promise<Artwork> {
  const metadata = await readPackageFile(packages, catalogueFamily, 'metadata.json', metadataFile);
  const otherThings = Object.entries(metadata.categories).flatMap(([category, names]) =>
    names.filter((name) => isOtherThing(name, category)),
  );
  const wanted = new Set([...Object.values(foodSubjects).flat(), ...otherThings]);
  const drawings = new Map<string, ReadonlyMap<string, Drawing>>();
  const credits: Credit[] = [];
  for (const family of Object.values(familiesOfSplit).flat()) {
    drawings.set(family, await readDrawings(packages, family, wanted)); // one at a time: a file is up to 100 MB
    credits.push(await readCredit(packages, family));
  }
  return {
    credits,
    drawings(split, folder) {
      const names = folder === undefined ? otherThings : (foodSubjects[folder] ?? []);
      return familiesOfSplit[split].flatMap((family) => names.flatMap((name) => drawings.get(family)?.get(name) ?? []));
    },
  };
}

async function readDrawings(packages: string, family: string, wanted: ReadonlySet<string>): Promise<Map<string, Drawing>> {
  const { icons, width, height } = await readPackageFile(packages, family, 'icons.json', iconsFile);
  const found = Object.entries(icons).filter(([name]) => wanted.has(name));
  return new Map(found.map(([name, icon]) => [name, { family, name, width, height, ...icon }]));
}

async function readCredit(packages: string, family: string): Promise<Credit> {
  const info = await readPackageFile(packages, family, 'info.json', infoFile);
  const manifest = await readPackageFile(packages, family, 'package.json', manifestFile);
  return {
    package: packageName(family),
    version: manifest.version,
    author: info.author.name,
    source: info.author.url,
    licence: info.license.spdx,
    licenceUrl: info.license.url,
  };
}

async function readPackageFile<Content>(packages: string, family: string, file: string, schema: z.ZodType<Content>): Promise<Content> {
  const name = packageName(family);
  try {
    return schema.parse(JSON.parse(await readFile(path.join(packages, name, file), 'utf8')));
  } catch (error) {
    const why = error instanceof z.ZodError ? 'unknown layout' : (error as Error).message;
    throw MissingArtwork(name, `${file}: ${why}`);
  }
}

function packageName(family: string): string {
  return `@iconify-json/${family}`;
}
