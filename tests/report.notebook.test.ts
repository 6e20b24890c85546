import { createRequire } from 'node:module';
import path from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createDisplay,
  display,
  displayFigure,
  displayMarkdown,
  displayPicture,
  displayTable,
  inNotebook,
  labelCounts,
  showProgress,
} from '../lib/report';

interface Output {
  readonly message: { data: Record<string, unknown>; metadata: Record<string, unknown>; transient: { display_id?: string } };
  readonly update: boolean;
}

const loaded = createRequire(path.join(process.cwd(), 'package.json')).cache;
const kernelFile = path.join(path.sep, 'anywhere', 'tslab', 'dist', 'jupyter.js');

/** As if the kernel had loaded this process: its module, and the function that it sends outputs with. */
function pretendKernel(outputs: Output[]): void {
  const lastWriteDisplayData = (message: Output['message'], update: boolean): number => outputs.push({ message, update });
  loaded[kernelFile] = { filename: kernelFile, exports: { lastWriteDisplayData } } as unknown as NodeJS.Module;
}

function message(outputs: readonly Output[]): Output['message'] {
  const [first] = outputs;
  if (!first) throw new Error('nothing was shown');
  return first.message;
}

async function smallPicture(): Promise<Uint8Array> {
  return sharp({ create: { width: 60, height: 30, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
}

describe('in a notebook', () => {
  let outputs: Output[];
  beforeEach(() => {
    outputs = [];
    pretendKernel(outputs);
  });
  afterEach(() => {
    delete loaded[kernelFile];
    vi.useRealTimers();
  });

  it('a figure is one output: interactive, and a picture of the same size for readers without JavaScript', async () => {
    const figure = labelCounts({ train: { arroz: 3 } });
    await displayFigure(figure);
    expect(outputs).toHaveLength(1);
    const { data, metadata } = message(outputs);
    expect(data['application/vnd.plotly.v1+json']).toMatchObject({ data: figure.data, layout: figure.layout });
    const png = await sharp(Buffer.from(data['image/png'] as string, 'base64')).metadata();
    expect([png.width, png.height]).toEqual([2 * figure.layout.width, 2 * figure.layout.height]);
    expect(metadata['image/png']).toEqual({ width: figure.layout.width, height: figure.layout.height });
  });

  it('tables escape what they show and align numbers', () => {
    displayTable([{ name: '<img src=x>', loss: 0.12345, note: null }], { caption: 'A & B' });
    const { data } = message(outputs);
    expect(data['text/html']).toContain('&lt;img src=x&gt;');
    expect(data['text/html']).toContain('A &amp; B');
    expect(data['text/html']).toContain('<td style="text-align:right">0.123</td>');
    expect(data['text/plain']).toBe('A & B\nname          loss  note\n<img src=x>  0.123  –');
  });

  it('pictures are shown at the width asked for, and never enlarged', async () => {
    await displayPicture(await smallPicture(), { width: 20 });
    await displayPicture(await smallPicture(), { width: 900 });
    expect(outputs.map(({ message }) => message.metadata['image/png'])).toEqual([
      { width: 20, height: 10 },
      { width: 60, height: 30 },
    ]);
  });

  it('Markdown also goes as plain text', () => {
    displayMarkdown('**so**');
    expect(outputs[0]?.message.data).toEqual({ 'text/markdown': '**so**', 'text/plain': '**so**' });
  });

  it('an output that is updated keeps its id, and each display has one of its own', () => {
    const show = createDisplay();
    show({ 'text/plain': 'one' });
    show({ 'text/plain': 'two' });
    display({ 'text/plain': 'three' });
    const ids = outputs.map(({ message }) => message.transient.display_id);
    expect(outputs.map(({ update }) => update)).toEqual([false, true, false]);
    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('progress is one output, drawn at most five times a second, and ends complete', () => {
    vi.useFakeTimers();
    let time = 0;
    const progress = showProgress({ now: () => time });
    for (let done = 0; done <= 1000; done++) {
      time = done;
      progress.onProgress({ label: 'head', done, total: 1000 });
    }
    progress.stop();
    expect(outputs.length).toBeLessThanOrEqual(7);
    expect(new Set(outputs.map(({ message }) => message.transient.display_id)).size).toBe(1);
    expect(outputs.at(-1)?.message.data['text/html']).toContain('1000/1000');
  });

  it('progress that pauses is drawn up to date all the same', () => {
    vi.useFakeTimers();
    let time = 0;
    const progress = showProgress({ now: () => time });
    progress.onProgress({ label: 'head', done: 1, total: 9 });
    time = 50;
    progress.onProgress({ label: 'head', done: 2, total: 9, note: 'loss <0.3>' });
    expect(outputs).toHaveLength(1);
    vi.advanceTimersByTime(200);
    expect(outputs.at(-1)?.message.data['text/html']).toContain('2/9');
    expect(outputs.at(-1)?.message.data['text/html']).toContain('loss &lt;0.3&gt;');
  });

  it('each label of progress keeps its line', () => {
    const progress = showProgress();
    progress.onProgress({ label: 'head', done: 2, total: 2 });
    progress.onProgress({ label: 'finetune', done: 1, total: 1 });
    expect(outputs.at(-1)?.message.data['text/plain']).toMatch(/^head: 2\/2.*\nfinetune: 1\/1/);
  });
});

describe('outside a notebook', () => {
  it.each([
    ['text', { 'text/plain': 'plain', 'text/html': '<b>x</b>' }, 'plain\n'],
    ['Markdown where there is no text', { 'text/markdown': '**m**' }, '**m**\n'],
    ['the MIME type where there is neither', { 'image/png': new Uint8Array(1) }, '[image/png]\n'],
  ])('display prints %s', (_, bundle, expected) => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    display(bundle);
    const printed = write.mock.calls.map(([text]) => text).join('');
    write.mockRestore();
    expect(printed).toBe(expected);
  });

  it('a figure is named, not drawn', async () => {
    expect(inNotebook()).toBe(false);
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    await displayFigure(labelCounts({ train: { arroz: 3 } }));
    const printed = write.mock.calls.map(([text]) => text).join('');
    write.mockRestore();
    expect(printed).toBe('[figure: Pictures with each label]\n');
  });
});
