import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { coOccurrence, type Figure, figureToPng, labelCounts } from '../lib/report';
import { prepareText } from '../lib/report/fonts';
import { figures } from './report.fixtures';

/** Pixels as RGB bytes. */
async function pixels(png: Uint8Array) {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number): string => data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3).toString('hex');
  return { at, width: info.width, height: info.height };
}

describe('figureToPng', () => {
  it.each(figures)('draws %s with nothing cut off at the edges', async (_, figure) => {
    const picture = await pixels(await figureToPng(figure, { scale: 1 }));
    expect([picture.width, picture.height]).toEqual([figure.layout.width, figure.layout.height]);
    const edge = new Set<string>();
    for (let x = 0; x < picture.width; x++) edge.add(picture.at(x, 0)).add(picture.at(x, picture.height - 1));
    for (let y = 0; y < picture.height; y++) edge.add(picture.at(0, y)).add(picture.at(picture.width - 1, y));
    expect([...edge]).toEqual(['ffffff']);
  });

  it('takes another size and scale', async () => {
    const { width, height } = await sharp(
      await figureToPng(labelCounts({ train: { a: 1 } }), { width: 400, height: 300, scale: 1.5 }),
    ).metadata();
    expect([width, height]).toEqual([600, 450]);
  });

  it('paints heat maps, which jsdom has no canvas for', async () => {
    const figure = coOccurrence(
      ['a', 'b'],
      [
        [10, 0],
        [0, 10],
      ],
    );
    const picture = await pixels(await figureToPng(figure, { scale: 1 }));
    const colours = new Set<string>();
    for (let x = 0; x < picture.width; x += 3) for (let y = 0; y < picture.height; y += 3) colours.add(picture.at(x, y));
    expect(colours).toContain('0072b2');
    expect(colours).toContain('f7fbff');
  });

  it('leaves room for long labels', async () => {
    const width = async (label: string): Promise<number> => {
      const figure = coOccurrence(
        [label, 'b'],
        [
          [10, 0],
          [0, 10],
        ],
      );
      const picture = await pixels(await figureToPng(figure, { scale: 1 }));
      const middle = Math.round(picture.height / 2) - 20;
      for (let x = 0; x < picture.width; x++) if (picture.at(x, middle - 60) === '0072b2') return x;
      return picture.width;
    };
    expect(await width('a label of many characters')).toBeGreaterThan((await width('a')) + 100);
  });

  it('does not change the figure', async () => {
    const figure = labelCounts({ train: { a: 1 } });
    const before = structuredClone(figure);
    await figureToPng(figure, { scale: 1 });
    expect(figure).toEqual(before);
  });

  it('names the figure that cannot be drawn', async () => {
    const broken = { data: [], layout: { ...labelCounts({}).layout, width: -5 } } as Figure;
    await expect(figureToPng(broken)).rejects.toMatchObject({
      code: 'FIGURE_NOT_DRAWN',
      message: expect.stringContaining('Pictures with each label'),
    });
  });
});

describe('text widths', () => {
  it('are those of the drawn font: W is wider than i, bold wider than regular, twice the size twice as wide', async () => {
    const { width } = await prepareText('é');
    expect(width('WWW', 10, false)).toBeGreaterThan(2 * width('iii', 10, false));
    expect(width('label', 10, true)).toBeGreaterThan(width('label', 10, false));
    expect(width('label', 20, false)).toBeCloseTo(2 * width('label', 10, false));
    expect(width('é', 10, false)).toBeGreaterThan(0);
  });
});
