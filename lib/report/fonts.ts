import { existsSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { openWorkspace } from '../workspace';
import { fontFamily } from './figure';
import { escapeHtml } from './html';

/** Widths of text as sharp draws it: what a browser would tell Plotly, and jsdom does not know. */
export interface TextMeasure {
  /** Width in pixels of one line at a font size in pixels; characters that were not prepared count as average. */
  width(text: string, size: number, bold: boolean): number;
}

type Advances = Map<string, number>;

/** Inter (SIL Open Font License), so that PNGs look alike on all machines; without the package the system's sans serif is drawn. */
const interFiles = { regular: '400Regular/Inter_400Regular.ttf', bold: '700Bold/Inter_700Bold.ttf' };

const reference = 100;
const fallbackAdvance = 0.6;
const ascii = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join('');
const always = `${ascii}−–…·×`;

const advances: { regular: Advances; bold: Advances } = { regular: new Map(), bold: new Map() };

/**
 * Makes the font known to sharp and measures the characters of `text`, each once a process (about 1 ms each).
 *
 * sharp offers no font metrics, but it draws text: a character is as wide as what it adds between two bars.
 */
export async function prepareText(text: string): Promise<TextMeasure> {
  const characters = [...new Set(always + text)].filter((character) => character >= ' ');
  for (const weight of ['regular', 'bold'] as const) {
    const known = advances[weight];
    const missing = characters.filter((character) => !known.has(character));
    if (missing.length === 0) continue;
    const font = findFont(weight, reference);
    const bars = await inkWidth('||', font);
    for (const character of missing) known.set(character, Math.max(0, ((await inkWidth(`|${character}|`, font)) - bars) / reference));
  }
  return {
    width: (line, size, bold) => {
      const known = advances[bold ? 'bold' : 'regular'];
      return [...line].reduce((sum, character) => sum + (known.get(character) ?? fallbackAdvance), 0) * size;
    },
  };
}

/** What sharp draws text with. */
export interface Font {
  /** As Pango writes it: families, style, size. */
  readonly font: string;
  readonly fontfile?: string;
}

/** The font that text is drawn with, at a size in pixels at 72 dpi. */
export function findFont(weight: 'regular' | 'bold', size: number): Font {
  const font = `${fontFamily} ${weight === 'bold' ? 'Bold ' : ''}${size}`;
  const file = path.join(openWorkspace().root, 'node_modules/@expo-google-fonts/inter', interFiles[weight]);
  return existsSync(file) ? { font, fontfile: file } : { font };
}

async function inkWidth(text: string, font: Font): Promise<number> {
  const { width } = await sharp({ text: { text: escapeHtml(text), dpi: 72, ...font } }).metadata();
  return width;
}
