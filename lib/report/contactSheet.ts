import sharp, { type OverlayOptions } from 'sharp';
import { decodeView, mapOnCores, type View } from '../data';
import { findFont } from './fonts';
import { escapeHtml } from './html';

const gap = 6;
const captionSize = 11;
/** Two lines. */
const captionHeight = 30;

/** A picture to lay out, and what to write below it. */
export interface SheetPicture {
  readonly path: string;
  /** What to show instead of the file's own content. */
  readonly content?: Uint8Array;
  readonly caption?: string;
  /** How it is looked at; as it is by default. */
  readonly view?: View;
}

/**
 * Lays pictures out in a grid, each with a caption of at most two lines below. A picture that cannot be read leaves a grey cell.
 *
 * @param options `columns` in the grid; `cell`, side of a thumbnail in pixels
 * @returns a JPEG file's content, which a notebook stays small with
 */
export async function contactSheet(
  pictures: readonly SheetPicture[],
  { columns = 6, cell = 128 }: { readonly columns?: number; readonly cell?: number } = {},
): Promise<Uint8Array> {
  const below = pictures.some(({ caption }) => caption) ? captionHeight : 0;
  const rows = Math.max(1, Math.ceil(pictures.length / columns));
  const width = columns * (cell + gap) + gap;
  const height = rows * (cell + below + gap) + gap;
  const placed = await mapOnCores(pictures, async ({ path, content, caption, view }, index): Promise<OverlayOptions[]> => {
    const left = gap + (index % columns) * (cell + gap);
    const top = gap + Math.floor(index / columns) * (cell + below + gap);
    const pixels = await decodeView(content ?? path, cell, view).catch(() => new Uint8Array(cell * cell * 3).fill(0xdd));
    const thumbnail = { input: Buffer.from(pixels), raw: { width: cell, height: cell, channels: 3 as const }, left, top };
    const words = printable(caption ?? '');
    return words === '' ? [thumbnail] : [thumbnail, { input: await drawCaption(words, cell), left, top: top + cell + 4 }];
  });
  return sharp({ create: { width, height, channels: 3, background: '#fff' } })
    .composite(placed.flat())
    .jpeg({ quality: 85 })
    .toBuffer();
}

/** Text centred in a transparent strip as wide as a thumbnail; what does not fit into two lines is cut off. */
async function drawCaption(words: string, width: number): Promise<Buffer> {
  const text = { text: `<span foreground="#333">${escapeHtml(words)}</span>`, width, align: 'center' as const, dpi: 72, rgba: true };
  const drawn = sharp({ text: { ...text, ...findFont('regular', captionSize) } });
  return drawn
    .resize({ width, height: captionHeight - 4, fit: 'contain', position: 'top', withoutEnlargement: true, background: '#0000' })
    .png()
    .toBuffer();
}

/** Pango takes XML, in which control characters are not allowed even escaped. */
function printable(text: string): string {
  return [...text]
    .filter((character) => character >= ' ')
    .join('')
    .trim();
}
