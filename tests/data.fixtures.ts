import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll } from 'vitest';
import { type DataSource, photoFolders } from '../lib/data';
import { Random } from '../lib/random';
import { type CollageSettings, food, type SettingsOverrides, settingsFor } from '../lib/tasks';
import { openWorkspace, type Workspace } from '../lib/workspace';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is removed when the test file has run. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'visionbook-data-'));
  folders.push(folder);
  return folder;
}

export function temporaryWorkspace(): Workspace {
  return openWorkspace({ env: { VISIONBOOK_HOME: temporaryFolder(), VISIONBOOK_RAW: temporaryFolder() } });
}

/** A JPEG of soft blobs of colour; every seed looks different, and none like another to a perceptual hash. */
export async function blobs(seed: string, width = 64, height = 48): Promise<Buffer> {
  const random = new Random(seed);
  const pixels = Buffer.from(Array.from({ length: 6 * 6 * 3 }, () => random.integer(256)));
  return sharp(pixels, { raw: { width: 6, height: 6, channels: 3 } })
    .resize(width, height, { fit: 'fill' })
    .jpeg({ quality: 90 })
    .toBuffer();
}

export function put(folder: string, file: string, content: string | Uint8Array): void {
  mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
  writeFileSync(path.join(folder, file), content);
}

/** Fills every folder that the food task wants. */
export async function fillSource(folder: string, perFolder = 4): Promise<DataSource> {
  for (const { folder: name } of photoFolders(food)) {
    for (let number = 1; number <= perFolder; number++) put(folder, `${name}/${number}.jpg`, await blobs(`${name}/${number}`));
  }
  return { name: 'test', isSample: false, folder };
}

export function smallSettings(overrides: SettingsOverrides = {}): CollageSettings {
  const small = { collages: { train: 12, validation: 5, test: 5 }, negatives: { train: 3, validation: 1, test: 2 } };
  return settingsFor(food, { isSample: false }, { ...small, ...overrides });
}
