import { execFileSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import type { Workspace } from '../lib/workspace';

/** Debian's Chromium; undefined where it is not installed. */
export const chromiumPath = findChromium();

function findChromium(): string | undefined {
  try {
    return execFileSync('sh', ['-c', 'command -v chromium || command -v chromium-browser'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

export function launchBrowser(): Promise<Browser> {
  // As root, in a container, Chromium has no sandbox of its own.
  return chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/**
 * Opens a page, which is closed when the test ends. The test fails where anything went wrong in it: violations of the content security policy, errors of the
 * script, what the browser complained about.
 */
export async function openPage(browser: Browser, address: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ baseURL: address, locale: 'en-GB', viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    // Refusals that a test provokes are the server's answers, not the page's mistakes.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) problems.push(message.text());
  });
  onTestFinished(async () => {
    const found = [...problems]; // not what closing interrupts
    await context.close();
    expect(found).toEqual([]);
  });
  return page;
}

/** Phones as they are held. */
export const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } as const;

/** So many pictures of the workspace's data set. */
export async function somePictures({ datasetImages }: Workspace, count: number): Promise<string[]> {
  const names = (await readdir(datasetImages)).filter((name) => /\.jpe?g$/.test(name)).sort();
  return names.slice(0, count).map((name) => path.join(datasetImages, name));
}

/** How far the content moved by itself, as Chromium measures it (https://web.dev/articles/cls); begin before anything is drawn. */
export async function watchLayout(page: Page): Promise<() => Promise<number>> {
  await page.addInitScript(() => {
    Object.assign(window, { shift: 0 });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
        if (!entry.hadRecentInput) (window as unknown as { shift: number }).shift += entry.value;
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  return () => page.evaluate(() => (window as unknown as { shift: number }).shift);
}

/** Texts whose contrast with what is behind them is below WCAG's AA (success criterion 1.4.3). */
export function poorContrasts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const numbers = (colour: string): number[] => {
      const context = new OffscreenCanvas(1, 1).getContext('2d')!;
      context.fillStyle = colour;
      context.fillRect(0, 0, 1, 1);
      return [...context.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (colour: number[]): number => {
      const [red, green, blue] = colour.map((value) => (value <= 10 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
    };
    const behind = (element: Element | null): number[] => {
      if (!element) return [255, 255, 255];
      const colour = numbers(getComputedStyle(element).backgroundColor);
      return colour[3]! > 250 ? colour : behind(element.parentElement);
    };
    return [...document.querySelectorAll('body *')].flatMap((element) => {
      const text = [...element.childNodes]
        .filter((node) => node.nodeType === Node.TEXT_NODE)
        .map((node) => node.textContent!.trim())
        .join('');
      const { color, fontSize, fontWeight } = getComputedStyle(element);
      if (text === '' || !element.checkVisibility({ visibilityProperty: true }) || element.matches(':disabled, option, .unseen')) return [];
      const [light, dark] = [luminance(numbers(color)), luminance(behind(element))].sort((one, other) => other - one);
      const size = Number.parseFloat(fontSize);
      const wanted = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700) ? 3 : 4.5;
      const contrast = (light! + 0.05) / (dark! + 0.05);
      return contrast < wanted ? [`${contrast.toFixed(2)}: ${text.slice(0, 40)}`] : [];
    });
  });
}

/** Whether a page can be scrolled sideways. */
export function overflows(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
}
