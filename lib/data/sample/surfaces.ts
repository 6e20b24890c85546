import type { Random } from '../../random';
import { type Colour, css, hsl } from './colours';

/** Side of a surface, in pixels. A picture shows a part of one. */
export const surfaceSize = 400;

/**
 * An SVG of what things lie on or stand before: wood, cloth, stone, tiles, a wall. Which kind, its colours and its grain are drawn
 * from `random`, and never depend on what will lie there, so that no class can be told by its background.
 */
export function drawSurface(random: Random): string {
  const kinds = [planks, planks, marble, granite, linen, gingham, stripes, dots, tiles, gradient, bokeh, carpet, tableEdge];
  const surface = random.pick(kinds)(random);
  const middle = surfaceSize / 2;
  const angle = random.chance(0.5) ? random.normal() * 6 : random.uniform(0, 360);
  const turn = `translate(${middle} ${middle}) rotate(${angle}) scale(${Math.SQRT2}) translate(${-middle} ${-middle})`; // corners stay covered
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${surfaceSize}" height="${surfaceSize}"><g transform="${turn}">${surface}</g></svg>`;
}

function planks(random: Random): string {
  const hue = random.uniform(12, 42);
  const saturation = random.uniform(0.1, 0.6);
  const lightness = random.uniform(0.22, 0.68);
  const grain = noise(random, {
    frequency: `${random.uniform(0.002, 0.012)} ${random.uniform(0.06, 0.22)}`,
    octaves: 4,
    dark: hsl(hue, saturation, lightness - 0.14),
    light: hsl(hue + 6, saturation, lightness + 0.14),
  });
  const width = random.pick([50, 80, 100, 134, surfaceSize]);
  const seam = css(hsl(hue, saturation, lightness * 0.4));
  return grain + bands(width, (y) => rectangle({ y: y - 1, height: 2, fill: seam, opacity: 0.7 }));
}

function marble(random: Random): string {
  const hue = anyHue(random);
  const lightness = random.uniform(0.3, 0.88);
  return noise(random, {
    type: 'turbulence',
    frequency: String(random.uniform(0.006, 0.02)),
    octaves: 4,
    dark: hsl(hue, random.uniform(0, 0.2), lightness),
    light: hsl(hue, random.uniform(0, 0.2), lightness > 0.55 ? lightness - 0.35 : lightness + 0.3),
  });
}

function granite(random: Random): string {
  const hue = anyHue(random);
  const lightness = random.uniform(0.25, 0.75);
  return noise(random, {
    frequency: String(random.uniform(0.08, 0.5)),
    octaves: 2,
    contrast: random.uniform(1.5, 4),
    dark: hsl(hue, random.uniform(0, 0.3), lightness - 0.15),
    light: hsl(hue + 30, random.uniform(0, 0.3), lightness + 0.15),
  });
}

function carpet(random: Random): string {
  const hue = anyHue(random);
  const lightness = random.uniform(0.25, 0.65);
  const saturation = random.uniform(0.1, 0.6);
  return noise(random, {
    frequency: String(random.uniform(0.02, 0.06)),
    octaves: 4,
    contrast: 2.5,
    dark: hsl(hue, saturation, lightness - 0.15),
    light: hsl(hue + 20, saturation, lightness + 0.15),
  });
}

function linen(random: Random): string {
  const colour = clothColour(random);
  const step = random.pick([3, 4, 5]);
  const threads = bands(step, (at) => rectangle({ y: at, height: step / 2, fill: 'black', opacity: 0.12 }));
  const across = bands(step, (at) => rectangle({ x: at, width: step / 2, fill: 'white', opacity: 0.1 }));
  return rectangle({ fill: css(colour) }) + threads + across + veil(random);
}

function gingham(random: Random): string {
  const step = random.pick([24, 36, 50, 66]);
  const fill = css(clothColour(random));
  const down = bands(step * 2, (at) => rectangle({ x: at, width: step, fill, opacity: 0.55 }));
  const across = bands(step * 2, (at) => rectangle({ y: at, height: step, fill, opacity: 0.55 }));
  return rectangle({ fill: css(paleColour(random)) }) + down + across + veil(random);
}

function stripes(random: Random): string {
  const step = random.uniform(18, 70);
  const fill = css(clothColour(random));
  const band = random.uniform(0.2, 0.6) * step;
  return rectangle({ fill: css(paleColour(random)) }) + bands(step, (at) => rectangle({ x: at, width: band, fill })) + veil(random);
}

function dots(random: Random): string {
  const step = random.uniform(28, 70);
  const radius = step * random.uniform(0.12, 0.3);
  const fill = css(paleColour(random));
  const row = (y: number, number: number): string =>
    bands(step, (x) => `<circle cx="${x + (number % 2) * (step / 2)}" cy="${y}" r="${radius}" fill="${fill}"/>`);
  return rectangle({ fill: css(clothColour(random)) }) + bands(step, row) + veil(random);
}

function tiles(random: Random): string {
  const hue = anyHue(random);
  const saturation = random.uniform(0, 0.5);
  const lightness = random.uniform(0.35, 0.8);
  const side = random.pick([50, 67, 100, 134]);
  const gap = random.uniform(2, 6);
  const row = (y: number): string =>
    bands(side, (x) => {
      const fill = css(hsl(hue, saturation, lightness + random.uniform(-0.07, 0.07)));
      return rectangle({ x, y, width: side - gap, height: side - gap, fill });
    });
  return rectangle({ fill: css(hsl(hue, 0.05, random.chance(0.5) ? 0.85 : 0.25)) }) + bands(side, row) + veil(random);
}

function gradient(random: Random): string {
  const hue = anyHue(random);
  const stop = (offset: number): string =>
    `<stop offset="${offset}" stop-color="${css(hsl(hue + offset * random.uniform(-40, 40), random.uniform(0.05, 0.6), random.uniform(0.25, 0.8)))}"/>`;
  const turn = random.uniform(0, 360);
  const ramp = `<linearGradient id="ramp" gradientTransform="rotate(${turn} .5 .5)">${stop(0)}${stop(1)}</linearGradient>`;
  return ramp + rectangle({ fill: 'url(#ramp)' }) + veil(random);
}

/** Lights far out of focus. */
function bokeh(random: Random): string {
  const hue = anyHue(random);
  const lights = Array.from({ length: 26 }, () => {
    const fill = css(hsl(hue + random.uniform(-50, 50), random.uniform(0.2, 0.8), random.uniform(0.35, 0.75)));
    const place = `cx="${random.uniform(0, surfaceSize)}" cy="${random.uniform(0, surfaceSize)}" r="${random.uniform(14, 60)}"`;
    return `<circle ${place} fill="${fill}" opacity="${random.uniform(0.2, 0.6)}"/>`;
  });
  const defocus = '<filter id="defocus"><feGaussianBlur stdDeviation="5"/></filter>';
  return `${defocus}${rectangle({ fill: css(hsl(hue, 0.3, random.uniform(0.15, 0.5))) })}<g filter="url(#defocus)">${lights.join('')}</g>`;
}

/** The far edge of a table before a wall. */
function tableEdge(random: Random): string {
  const edge = random.uniform(0.3, 0.55) * surfaceSize;
  const wall = rectangle({ height: edge, fill: css(hsl(anyHue(random), random.uniform(0.05, 0.4), random.uniform(0.3, 0.8))) });
  const shade = rectangle({ y: edge, height: 5, fill: 'black', opacity: 0.35 });
  return planks(random) + wall + shade + veil(random);
}

/** Any hue, but warm ones twice as often as in an even draw: so are tables, walls and cloths. */
function anyHue(random: Random): number {
  return random.chance(0.5) ? random.uniform(0, 60) : random.uniform(0, 360);
}

function clothColour(random: Random): Colour {
  return hsl(anyHue(random), random.uniform(0.1, 0.75), random.uniform(0.28, 0.68));
}

function paleColour(random: Random): Colour {
  return hsl(anyHue(random), random.uniform(0, 0.35), random.uniform(0.72, 0.9));
}

/** Faint uneven light over flat colours, as any real surface has. */
function veil(random: Random): string {
  return noise(random, { frequency: String(random.uniform(0.01, 0.3)), octaves: 2, dark: [0, 0, 0], light: [1, 1, 1], opacity: 0.12 });
}

interface Noise {
  readonly type?: 'fractalNoise' | 'turbulence';
  /** Cycles a pixel: one number, or one across and one down. */
  readonly frequency: string;
  readonly octaves: number;
  readonly dark: Colour;
  readonly light: Colour;
  readonly contrast?: number;
  readonly opacity?: number;
}

/** Perlin noise, run from a dark to a light colour. */
function noise(random: Random, { type = 'fractalNoise', frequency, octaves, dark, light, contrast = 2, opacity = 1 }: Noise): string {
  const seed = random.integer(100_000);
  const middle = type === 'turbulence' ? 0 : 0.5 - contrast / 2; // turbulence starts at 0, fractal noise lies around a half
  const grey = `${contrast} 0 0 0 ${middle}`;
  const ramp = ['R', 'G', 'B'].map((name, channel) => `<feFunc${name} type="table" tableValues="${dark[channel]} ${light[channel]}"/>`);
  return `<filter id="noise${seed}" x="0" y="0" width="1" height="1" color-interpolation-filters="sRGB">
    <feTurbulence type="${type}" baseFrequency="${frequency}" numOctaves="${octaves}" seed="${seed}"/>
    <feColorMatrix values="${grey} ${grey} ${grey} 0 0 0 0 1"/><feComponentTransfer>${ramp.join('')}</feComponentTransfer>
  </filter><g opacity="${opacity}">${rectangle({ fill: 'black', filter: `url(#noise${seed})` })}</g>`;
}

/** One shape every `step` pixels across the surface. */
function bands(step: number, shape: (at: number, number: number) => string): string {
  return Array.from({ length: Math.ceil(surfaceSize / step) }, (_, number) => shape(number * step, number)).join('');
}

/** A rectangle, as large as the surface unless told otherwise. */
function rectangle(attributes: Readonly<Record<string, string | number>>): string {
  const all = { width: surfaceSize, height: surfaceSize, ...attributes };
  return `<rect ${Object.entries(all)
    .map(([name, value]) => `${name}="${value}"`)
    .join(' ')}/>`;
}
