import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { contactSheet } from '../lib/report';
import { blobs, put, temporaryFolder } from './data.fixtures';

describe('the contact sheet', () => {
  it('is a JPEG grid that survives odd captions and unreadable pictures', async () => {
    const folder = temporaryFolder();
    put(
      folder,
      'good.jpg',
      await sharp(await blobs('sheet'))
        .tint('#f00')
        .toBuffer(),
    );
    put(folder, 'bad.jpg', 'text');
    const pictures = ['good.jpg', 'bad.jpg', 'good.jpg'].map((name) => ({
      path: path.join(folder, name),
      caption: `<b>"a" & b</b> \u0007 ${'long '.repeat(20)}`,
    }));
    const sheet = await contactSheet(pictures, { columns: 2, cell: 40 });
    const { format, width, height } = await sharp(sheet).metadata();
    expect([format, width, height]).toEqual(['jpeg', 2 * 46 + 6, 2 * 76 + 6]);
    const grey = await sharp(sheet).extract({ left: 60, top: 20, width: 1, height: 1 }).raw().toBuffer();
    expect([...grey.subarray(0, 3)]).toEqual([0xdd, 0xdd, 0xdd]);
  });

  it('draws captions below the pictures, and leaves no room where there are none', async () => {
    const folder = temporaryFolder();
    put(folder, 'one.jpg', await blobs('sheet'));
    const picture = { path: path.join(folder, 'one.jpg') };
    const bare = await sharp(await contactSheet([picture], { columns: 1, cell: 100 })).metadata();
    const captioned = sharp(await contactSheet([{ ...picture, caption: 'lacteos' }], { columns: 1, cell: 100 }));
    expect([bare.height, (await captioned.metadata()).height]).toEqual([112, 142]);
    const strip = await captioned.extract({ left: 6, top: 108, width: 100, height: 28 }).stats();
    expect(strip.channels[0]!.min).toBeLessThan(120);
  });
});
