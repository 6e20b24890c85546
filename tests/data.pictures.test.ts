import { mkdirSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodePicture, listPictures, mapOnCores } from '../lib/data';
import { blobs, put, temporaryFolder } from './data.fixtures';

const orange = { r: 200, g: 100, b: 50 };
const flat = (background: string | { r: number; g: number; b: number }, width = 40, height = 20) =>
  sharp({ create: { width, height, channels: 3, background } });

/** Red above blue, as raw frames of an animation or as one picture. */
async function frames(): Promise<Buffer> {
  const red = await flat('#f00', 20, 20).png().toBuffer();
  const blue = await flat('#00f', 20, 20).png().toBuffer();
  return sharp([red, blue], { join: { animated: true } })
    .gif()
    .toBuffer();
}

describe('decoding a picture', () => {
  it.each<[string, () => Promise<Buffer>, number[]]>([
    ['a JPEG', () => flat(orange).jpeg({ quality: 100 }).toBuffer(), [200, 100, 50]],
    ['a CMYK JPEG', () => flat(orange).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer(), [200, 97, 35]],
    ['a 16-bit PNG', () => flat(orange).toColourspace('rgb16').png().toBuffer(), [200, 100, 50]],
    ['a grey PNG', () => flat('#808080').greyscale().png().toBuffer(), [128, 128, 128]],
    ['a 16-bit grey PNG', () => flat('#808080').toColourspace('grey16').png().toBuffer(), [128, 128, 128]],
    ['a WebP', () => flat(orange).webp({ lossless: true }).toBuffer(), [200, 100, 50]],
    ['a TIFF', () => flat(orange).tiff({ compression: 'lzw' }).toBuffer(), [200, 100, 50]],
    ['a picture of one pixel', () => flat(orange, 1, 1).png().toBuffer(), [200, 100, 50]],
    ['the first frame of an animated GIF', frames, [255, 0, 0]],
    ['a transparent PNG, on white', () => flat(orange).ensureAlpha(0).png().toBuffer(), [255, 255, 255]],
  ])('reads %s as 8-bit sRGB', async (_, make, colour) => {
    const pixels = await decodePicture(await make(), 8);
    expect(pixels).toHaveLength(8 * 8 * 3);
    const middle = [...pixels.slice(3 * 36, 3 * 36 + 3)];
    for (const channel of [0, 1, 2]) expect(Math.abs(middle[channel]! - colour[channel]!)).toBeLessThanOrEqual(18);
  });

  it('turns a picture as its EXIF says', async () => {
    const halves = await sharp({ create: { width: 40, height: 40, channels: 3, background: '#fff' } })
      .composite([{ input: await flat('#000', 40, 20).png().toBuffer(), left: 0, top: 0 }])
      .jpeg()
      .withMetadata({ orientation: 3 })
      .toBuffer();
    const pixels = await decodePicture(halves, 8);
    expect(pixels[0]).toBeGreaterThan(240);
    expect(pixels.at(-1)).toBeLessThan(15);
  });

  it('stretches the whole picture to the square', async () => {
    const halves = await sharp({ create: { width: 80, height: 20, channels: 3, background: '#fff' } })
      .composite([{ input: await flat('#000', 40, 20).png().toBuffer(), left: 0, top: 0 }])
      .png()
      .toBuffer();
    const pixels = await decodePicture(halves, 8);
    expect([pixels[0], pixels[7 * 3]]).toEqual([0, 255]);
  });

  it('averages what it shrinks, so that fine patterns do not flicker', async () => {
    const stripes = Buffer.from(Array.from({ length: 64 * 64 * 3 }, (_, index) => (Math.floor(index / 3) % 2 ? 255 : 0)));
    const png = await sharp(stripes, { raw: { width: 64, height: 64, channels: 3 } })
      .png()
      .toBuffer();
    for (const value of await decodePicture(png, 8)) expect(Math.abs(value - 128)).toBeLessThan(10);
  });

  it('gives the same from a file as from its content', async () => {
    const folder = temporaryFolder();
    const content = await blobs('one');
    put(folder, 'one.jpg', content);
    expect(await decodePicture(path.join(folder, 'one.jpg'), 32)).toEqual(await decodePicture(content, 32));
  });

  it('reads a file anew when it has changed', async () => {
    const file = path.join(temporaryFolder(), 'one.png');
    for (const colour of ['#ff0000', '#0000ff']) {
      put(path.dirname(file), 'one.png', await flat(colour).png().toBuffer());
      expect((await decodePicture(file, 4))[0]).toBe(colour === '#ff0000' ? 255 : 0);
    }
  });

  it.each<[string, () => Promise<Uint8Array>, RegExp]>([
    ['text with a picture name', async () => Buffer.from('not a picture'), /unsupported/],
    ['an empty file', async () => new Uint8Array(), /empty/],
    ['a JPEG that was cut off', async () => (await blobs('cut', 200, 200)).subarray(0, 2500), /premature|truncated/i],
    [
      'more than 100 million pixels',
      async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="20000" height="20000"/>'),
      /pixel limit/,
    ],
  ])('refuses %s, naming the file and the reason', async (_, make, reason) => {
    const folder = temporaryFolder();
    put(folder, 'bad.jpg', await make());
    const refusal = expect(decodePicture(path.join(folder, 'bad.jpg'), 8)).rejects;
    await refusal.toMatchObject({ code: 'UNREADABLE_PICTURE', message: expect.stringMatching(reason) });
    await refusal.toThrow('bad.jpg');
  });

  it('says so when there is no file', async () => {
    await expect(decodePicture('/nowhere/a.jpg', 8)).rejects.toThrow('/nowhere/a.jpg cannot be read as a picture (there is no such file)');
  });
});

describe('listing pictures', () => {
  it('gives picture files sorted, without folders, hidden and other files', async () => {
    const folder = temporaryFolder();
    for (const name of ['b.JPG', 'a.png', 'c.webp', 'Z.tiff', '.hidden.jpg', 'notes.txt', 'd.bmp']) put(folder, name, 'x');
    mkdirSync(path.join(folder, 'folder.jpg'));
    expect(await listPictures(folder)).toEqual(['Z.tiff', 'a.png', 'b.JPG', 'c.webp']);
  });

  it('finds none in a folder that is missing', async () => {
    expect(await listPictures('/nowhere')).toEqual([]);
  });
});

describe('working on all cores', () => {
  it('keeps the order of the results and the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapOnCores(
      [5, 1, 4, 2, 3],
      async (delay) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, delay));
        running--;
        return delay * 10;
      },
      2,
    );
    expect(results).toEqual([50, 10, 40, 20, 30]);
    expect(most).toBe(2);
  });

  it('begins nothing more after a failure, and waits for what is under way', async () => {
    const begun: number[] = [];
    let finished = 0;
    const work = mapOnCores(
      [1, 2, 3, 4, 5, 6],
      async (item) => {
        begun.push(item);
        if (item === 1) throw new Error('broken');
        await new Promise((resolve) => setTimeout(resolve, 10));
        finished++;
      },
      2,
    );
    await expect(work).rejects.toThrow('broken');
    expect(begun).toEqual([1, 2]);
    expect(finished).toBe(1);
  });
});
