import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { openWorkspace } from '../workspace';
import { replaceCanvas } from './canvas';
import { FigureNotDrawn } from './errors';
import type { Figure } from './figure';
import { prepareText } from './fonts';
import { measureTextIn, type TextWindow } from './textLayout';

interface PngOptions {
  /** CSS pixels; the layout's own size by default. */
  readonly width?: number;
  readonly height?: number;
  /** Picture pixels a CSS pixel: 2 stays sharp on dense screens. */
  readonly scale?: number;
}

/** What is used of a jsdom window with Plotly in it. */
interface PlotlyWindow extends TextWindow {
  readonly Plotly: {
    toImage(figure: object, options: object): Promise<string>;
  };
}

let browser: Promise<PlotlyWindow> | undefined;

/**
 * Draws a figure without a browser: Plotly makes an SVG inside jsdom, sharp makes the PNG. The first call loads Plotly
 * (about a second), each further one takes a fraction of a second.
 *
 * @throws FIGURE_NOT_DRAWN when Plotly refuses the figure
 */
export async function figureToPng(figure: Figure, { width, height, scale = 2 }: PngOptions = {}): Promise<Uint8Array> {
  const svg = await figureToSvg(figure, { width, height });
  const png = await sharp(Buffer.from(svg), { density: 72 * scale, limitInputPixels: false })
    .flatten({ background: '#ffffff' })
    .png({ palette: true, effort: 7 })
    .toBuffer();
  return new Uint8Array(png.buffer, png.byteOffset, png.byteLength);
}

async function figureToSvg(figure: Figure, size: { width?: number; height?: number }): Promise<string> {
  const width = size.width ?? figure.layout.width;
  const height = size.height ?? figure.layout.height;
  browser ??= openPlotly();
  const window = await browser;
  // Plotly writes into what it draws, and the figure belongs to the caller.
  const json = JSON.stringify({ data: figure.data, layout: { ...figure.layout, width, height } });
  measureTextIn(window, await prepareText(json));
  try {
    return await window.Plotly.toImage(JSON.parse(json), { format: 'svg', width, height, imageDataOnly: true });
  } catch (error) {
    throw FigureNotDrawn(titleOf(figure), error instanceof Error ? error.message : String(error));
  }
}

/** A figure's title as plain text. */
export function titleOf(figure: Figure): string {
  const title = figure.layout.title as { text?: string } | undefined;
  return (title?.text ?? 'untitled').replace(/<[^>]*>/g, '');
}

/** The source of Plotly's small bundle, as a browser loads it. */
export function plotlySource(): Promise<string> {
  return readFile(path.join(openWorkspace().root, 'node_modules/plotly.js-cartesian-dist-min/plotly-cartesian.min.js'), 'utf8');
}

async function openPlotly(): Promise<PlotlyWindow> {
  const { JSDOM, VirtualConsole } = await import('jsdom');
  const { window } = new JSDOM('<!doctype html><body></body>', { runScripts: 'outside-only', virtualConsole: new VirtualConsole() });
  Object.assign(window.URL, { createObjectURL: () => '' }); // Plotly asks for it while it loads; an SVG does not need it
  replaceCanvas(window.HTMLCanvasElement.prototype);
  window.eval(await plotlySource());
  return window as unknown as PlotlyWindow;
}
