import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { VisionbookError } from '../../errors';
import { decodePicture, listPictures } from '../pictures';
import { NoGalaxies, UnknownGalaxyFolders } from './errors';
import { countClasses, type GalaxySource } from './galaxies';

/** Side that pictures are stretched to: that of Galaxy10's own. */
const side = 256;

/**
 * Opens a folder with a folder of pictures for each class, named after it; case, spaces, hyphens and the word "galaxies" do not count, so
 * `barred_spiral` and `Barred Spiral Galaxies` do as well as `Barred Spiral`. A class may be missing.
 *
 * @throws MISSING_DATA, UNKNOWN_GALAXY_FOLDERS
 */
export async function openFolders(folder: string, classes: readonly string[]): Promise<GalaxySource> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  const known = new Map(classes.map((name, index) => [plain(name), index]));
  const unknown = names.filter((name) => !known.has(plain(name)));
  if (unknown.length > 0) throw UnknownGalaxyFolders(folder, unknown, classes);

  const found = await Promise.all(
    names.map(async (name) => {
      const label = known.get(plain(name))!;
      return (await listPictures(path.join(folder, name))).map((file) => ({ label, name: `${name}/${file}` }));
    }),
  );
  const files = found.flat().sort((a, b) => a.label - b.label || (a.name < b.name ? -1 : 1));
  if (files.length === 0) throw NoGalaxies(folder, 'holds no galaxies');
  const labels = Uint8Array.from(files, ({ label }) => label);
  return {
    size: side,
    labels,
    counts: countClasses(labels, classes.length),
    async *pictures(onUnreadable) {
      for (const [index, { label, name }] of files.entries()) {
        try {
          yield { index, label, name, pixels: await decodePicture(path.join(folder, name), side) };
        } catch (error) {
          if (!onUnreadable || !(error instanceof VisionbookError)) throw error;
          onUnreadable({ file: name, detail: error.message });
        }
      }
    },
  };
}

function plain(name: string): string {
  return name.toLowerCase().replace(/galaxies|galaxy|[^a-z0-9]/g, '');
}
