import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../lib/files';
import { checkPicture, openUploads, type Uploads } from '../lib/server/uploads';
import { blobs, temporaryFolder } from './data.fixtures';

let isFull = false;
vi.mock('write-file-atomic', async (original) => {
  const { default: write } = await original<{ default: (...call: unknown[]) => Promise<void> }>();
  return {
    default: async (...call: unknown[]) => {
      if (isFull) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      return write(...call);
    },
  };
});

let folder: string;
let uploads: Uploads;
let picture: Buffer;

beforeAll(async () => {
  picture = await blobs('upload', 300, 200);
});
beforeEach(() => {
  isFull = false;
  folder = path.join(temporaryFolder(), 'uploads');
  uploads = openUploads({ folder, keepHours: 2 });
});

const hour = 3_600_000;

describe('uploads', () => {
  it('are named by their content, kept once, and read back as they came', async () => {
    const names = await Promise.all([uploads.store(picture, 'jpeg'), uploads.store(picture, 'jpeg'), uploads.store(picture, 'jpeg')]);
    const name = `${sha256(picture)}.jpg`;
    expect(names).toEqual([name, name, name]);
    expect(await readdir(folder)).toEqual([name]);
    expect(Buffer.from(await uploads.read(name)).equals(picture)).toBe(true);
    expect(await uploads.has(name)).toBe(true);
    expect(await uploads.store(await sharp(picture).png().toBuffer(), 'png')).toMatch(/^[0-9a-f]{64}\.png$/);
    expect(await uploads.store(await sharp(picture).webp().toBuffer(), 'webp')).toMatch(/^[0-9a-f]{64}\.webp$/);
  });

  const digest = 'a'.repeat(64);
  it.each([
    `${digest}.jpg`,
    `../uploads/${digest}.jpg`,
    `/etc/passwd`,
    `..%2f${digest}.jpg`,
    `${digest}.JPG`,
    `${digest.toUpperCase()}.jpg`,
    `${digest}.svg`,
    `${digest}.jpg/..`,
    `${digest}.jpg\0`,
    `${digest}.jpg\n`,
    `${digest.slice(1)}.jpg`,
    digest,
    '',
    '.',
  ])('have no other names: %j is not there', async (name) => {
    await uploads.store(picture, 'jpeg');
    await writeFile(path.join(folder, `${digest}.svg`), '<svg/>');
    expect(await uploads.has(name)).toBe(false);
    await expect(uploads.read(name)).rejects.toMatchObject({ code: 'NO_SUCH_UPLOAD', status: 404 });
    await expect(uploads.thumbnail(name, 100)).rejects.toMatchObject({ code: 'NO_SUCH_UPLOAD', status: 404 });
  });

  it('are shown drawn anew: upright, small, a WebP without the camera’s metadata', async () => {
    const shot = await sharp(picture)
      .withExif({ IFD0: { Artist: 'Somebody at home' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const name = await uploads.store(shot, 'jpeg');
    const thumbnail = await uploads.thumbnail(name, 90);
    const { format, width, height, exif, orientation } = await sharp(thumbnail).metadata();
    expect({ format, width, height, exif, orientation }).toEqual({ format: 'webp', width: 60, height: 90 });
    const large = await sharp(await uploads.thumbnail(name, 5000)).metadata();
    expect(large).toMatchObject({ width: 200, height: 300 });
  });

  it('are removed when their time is over, which starts again when they are sent again', async () => {
    const old = await uploads.store(picture, 'jpeg');
    const again = await uploads.store(await blobs('again'), 'jpeg');
    const fresh = await uploads.store(await blobs('fresh'), 'jpeg');
    const before = new Date(Date.now() - 2.5 * hour);
    for (const name of [old, again]) await utimes(path.join(folder, name), before, before);
    await writeFile(path.join(folder, 'left-by-a-kill.tmp'), '');
    await utimes(path.join(folder, 'left-by-a-kill.tmp'), before, before);
    await uploads.store(await blobs('again'), 'jpeg');
    expect(await uploads.sweep()).toBe(2);
    expect((await readdir(folder)).sort()).toEqual([again, fresh].sort());
    expect(await uploads.sweep(Date.now() + 2 * hour + 1000)).toBe(2);
    expect(await readdir(folder)).toEqual([]);
  });

  it('need not be there to be swept', async () => {
    expect(await uploads.sweep()).toBe(0);
  });

  it('say so when the disk is full, and leave nothing half-written', async () => {
    isFull = true;
    await expect(uploads.store(picture, 'jpeg')).rejects.toMatchObject({ code: 'UPLOADS_FULL', status: 507 });
    expect(await uploads.has(`${sha256(picture)}.jpg`)).toBe(false);
    isFull = false;
    const name = await uploads.store(picture, 'jpeg');
    expect(await readFile(path.join(folder, name))).toHaveLength(picture.length);
  });
});

describe('checking a picture', () => {
  const maximumPixels = 40e6;

  it('gives kind and size by content', async () => {
    expect(await checkPicture(picture, { maximumPixels })).toEqual({ kind: 'jpeg', width: 300, height: 200 });
    expect(await checkPicture(await sharp(picture).png().toBuffer(), { maximumPixels })).toMatchObject({ kind: 'png' });
    expect(await checkPicture(await sharp(picture).webp().toBuffer(), { maximumPixels })).toMatchObject({ kind: 'webp' });
  });

  it('counts pixels without decoding them', async () => {
    await expect(checkPicture(picture, { maximumPixels: 59_999 })).rejects.toMatchObject({ code: 'PICTURE_TOO_LARGE', status: 413 });
    expect(await checkPicture(picture, { maximumPixels: 60_000 })).toMatchObject({ kind: 'jpeg' });
    // A header of 60,000 x 60,000 pixels, and nothing behind it.
    const bomb = await sharp(picture).png().toBuffer();
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    await expect(checkPicture(bomb, { maximumPixels })).rejects.toMatchObject({
      status: expect.toSatisfy((status) => [413, 422].includes(status)),
    });
  });
});
